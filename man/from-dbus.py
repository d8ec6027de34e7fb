#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""org.ntc(5) from the introspection XML, which documents itself."""
import re
import sys
import xml.etree.ElementTree as xml

HEAD = """org.ntc(5) "ntc" "File formats"

# NAME

org.ntc - the D-Bus interfaces of ntc(8)

# DESCRIPTION

The name *org.ntc* on the system bus has one object, _/org/ntc_. Reading is open to all; what changes something is decided
by polkit: the actions are _org.ntc.edit-blacklist_, _org.ntc.edit-whitelist_ and _org.ntc.manage_.

	busctl introspect org.ntc /org/ntc++
busctl call org.ntc /org/ntc org.ntc.Blacklist Add s 203.0.113.7

"""
TAIL = """# ERRORS

_org.ntc.Error.InvalidAddress_, _LimitReached_, _Protected_, _NotListed_, _FromFeed_, _Storage_, and the usual ones of D-Bus. After an
error nothing has changed.

# SEE ALSO

*ntc*(8), *ntcctl*(1), *busctl*(1), *polkit*(8)
"""


def escape(text):
    return re.sub(r"([\\_*#<\[\]])", r"\\\1", " ".join(text.split()))


def documentation(element):
    for note in element.findall("annotation"):
        if note.get("name") == "org.gtk.GDBus.DocString":
            return escape(note.get("value"))
    return ""


def arguments(member, direction):
    return ", ".join(f"{arg.get('type')} {escape(arg.get('name'))}" for arg in member.findall("arg")
                     if arg.get("direction", "out") == direction)


def heading(member):
    name = f"*{escape(member.get('name'))}*"
    if member.tag == "property":
        return f"{name} ({member.get('type')}, {member.get('access')})"
    if member.tag == "signal":
        return f"{name}({arguments(member, 'out')})"
    out = arguments(member, "out")
    return f"{name}({arguments(member, 'in')})" + (f" -> {out}" if out else "")


def main(sources):
    page = HEAD
    for source in sources:
        for interface in xml.parse(source).getroot().iter("interface"):
            page += f"# {interface.get('name')}\n\n{documentation(interface)}\n\n"
            for tag, title in (("method", "Methods"), ("property", "Properties"), ("signal", "Signals")):
                members = interface.findall(tag)
                if members:
                    page += f"## {title}\n\n"
                for member in members:
                    notes = [documentation(member)] + [
                        f"_{escape(arg.get('name'))}_: {documentation(arg)}" for arg in member.findall("arg")
                        if documentation(arg)]
                    page += heading(member) + "\n\t" + "\n\n\t".join(note for note in notes if note) + "\n\n"
    print(page + TAIL)


main(sys.argv[1:])
