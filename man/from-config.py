#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ntc-config(5) from config.yaml: the shipped file is the one place where keys are explained."""
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
*systemctl reload ntc* (or SIGHUP) reads the file again; one that can't be used leaves the old configuration in force.

_timezone_ may also stand at the top level.

"""
TAIL = """# SEE ALSO

*ntc*(8), *ntcctl*(1)
"""


def escape(text):
    return re.sub(r"([\\_*#<\[\]])", r"\\\1", text)


def main(source):
    page, comment, section = HEAD, [], ""
    for line in pathlib.Path(source).read_text(encoding="utf-8").splitlines():
        if found := re.match(r"(\w+):$", line):
            section, comment = found[1], []
            page += f"# SECTION {section.upper()}\n\n"
        elif found := re.match(r"  # ?(.*)", line):
            comment.append(found[1])
        elif found := re.match(r"  (\w+): *(.*)", line):
            page += f"*{escape(section + '.' + found[1])}*: {escape(found[2])}\n\t"
            page += "\n\t".join(escape(text) for text in comment) + "\n\n"
            comment = []
        elif line and not line.startswith("#"):
            sys.exit(f"{source}: what is this? {line}")
    print(page + TAIL)


main(sys.argv[1])
