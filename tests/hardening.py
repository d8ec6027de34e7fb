#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Is the binary hardened as meson.build asks for? Usage: hardening.py BINARY..."""

import re
import subprocess
import sys


def readelf(option, binary):
    return subprocess.run(["readelf", "--wide", option, binary], check=True, capture_output=True, text=True).stdout


def checks(binary):
    header, segments = readelf("--file-header", binary), readelf("--segments", binary)
    dynamic, symbols = readelf("--dynamic", binary), readelf("--dyn-syms", binary)
    stack = re.search(r"GNU_STACK.*", segments)
    yield "position independent", "DYN" in header and re.search(r"FLAGS_1.*\bPIE\b", dynamic)
    yield "relocations read-only", "GNU_RELRO" in segments
    yield "bound at the start", re.search(r"FLAGS.*\b(BIND_NOW|NOW)\b", dynamic)
    yield "no executable stack", stack and "RWE" not in stack[0]
    yield "no text relocations", "TEXTREL" not in dynamic
    yield "no library path of its own", not re.search(r"\((RPATH|RUNPATH)\)", dynamic)
    yield "stack protector", "__stack_chk_fail" in symbols
    yield "fortified", re.search(r"__\w+_chk@", symbols)


def main():
    failed = 0
    for binary in sys.argv[1:]:
        for name, good in checks(binary):
            print("PASS" if good else "FAIL", f"{binary}: {name}")
            failed += not good
    return 1 if failed or len(sys.argv) < 2 else 0


if __name__ == "__main__":
    sys.exit(main())
