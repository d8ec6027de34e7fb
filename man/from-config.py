#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ntc-config(5) from config.yaml, which explains the keys, and keys.c, which has their ranges."""
import pathlib
import re
import sys

HEAD = """ntc-config(5) "ntc" "File formats"

# NAME

ntc-config - configuration of ntc(8)

# SYNOPSIS

_/etc/ntc/config.yaml_, _./config.yaml_

# DESCRIPTION

A YAML file of sections with keys. Every key has a default and can be left out. An unknown key or a bad value is an error
that names file, line and key, and the one that was probably meant; *ntc --check-config* looks without starting.
*systemctl reload ntc* (or SIGHUP) reads the file again; one that can't be used leaves the old configuration in force. The
journal names what waits for a restart.

Below, a key stands with its default and, if it is a number, the range of it. A list has at most 64 items,
_lists.ssh_ports_ 16.

_timezone_ may also stand at the top level.

"""
TAIL = """# SEE ALSO

*ntc*(8), *ntcctl*(1)
"""


def escape(text):
    return re.sub(r"([\\_*#<\[\]])", r"\\\1", text)


def ranges(keys, header):
    """{key: "8 to 65536"}"""
    known = {"UINT32_MAX": str(2 ** 32 - 1), **dict(re.findall(r"#define (\w+) +(\d+)", read(header)))}
    number = r"NUMBER\(([\w.]+), (\w+), (\w+), \w+\)"
    other = r'{"([\w.]+)", \w+, offsetof\([^()]+\), (\w+), (\w+), \w+}'
    return {key: f"{known.get(low, low)} to {known.get(high, high)}"
            for pattern in (number, other) for key, low, high in re.findall(pattern, read(keys))}


def read(source):
    return pathlib.Path(source).read_text(encoding="utf-8")


def main(source, keys, header):
    range_of = ranges(keys, header)
    page, comment, section = HEAD, [], ""
    for line in read(source).splitlines():
        if found := re.match(r"(\w+):$", line):
            section, comment = found[1], []
            page += f"# SECTION {section.upper()}\n\n"
        elif found := re.match(r"  # ?(.*)", line):
            comment.append(found[1])
        elif found := re.match(r"  (\w+): *(.*)", line):
            key = f"{section}.{found[1]}"
            if key not in range_of and found[2].isdigit():
                sys.exit(f"{keys}: the range of {key} is not found")
            bounds = f" ({range_of[key]})" if key in range_of else ""
            page += f"*{escape(key)}*: {escape(found[2])}{bounds}\n\t"
            page += "\n\t".join(escape(text) for text in comment) + "\n\n"
            comment = []
        elif line and not line.startswith("#"):
            sys.exit(f"{source}: what is this? {line}")
    print(page + TAIL)


main(*sys.argv[1:])
