#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The manual pages against what they describe: every option of --help, every key of the configuration, every
member of D-Bus, every verb. test-man.py NTC NTCCTL KEYS PAGE..."""
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as xml

SOURCE = pathlib.Path(__file__).parents[2]
failed = 0


def check(what, good):
    global failed
    if not good:
        print(f"missing: {what}")
        failed += 1


def plain(page):
    """Roff as text: fonts, escapes and hyphens taken out."""
    text = pathlib.Path(page).read_text(encoding="utf-8")
    return re.sub(r"\\f[BIRP]|\\&", "", text).replace("\\-", "-").replace("\\(bu", "*")


def options(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))


def main(ntc, ntcctl, *pages):
    page = {pathlib.Path(path).name: plain(path) for path in pages}
    for program, name in ((ntc, "ntc.8"), (ntcctl, "ntcctl.1")):
        shown = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
        for option in options(shown):
            check(f"{option} in {name}", option in options(page[name]))
        for option in options(page[name]) - {"--mock", "--detach"}:
            check(f"{option} in {program} --help", option in options(shown))
    verbs = re.findall(r"^  ([a-z]+) ", subprocess.run([ntcctl, "--help"], capture_output=True, text=True).stdout, re.M)
    assert len(verbs) > 10
    for verb in verbs:
        check(f"the verb {verb}", re.search(rf"(^|, ){verb}\b", page["ntcctl.1"], re.M))
    # What ntc knows, by its own complaint about what it doesn't: the table of keys.
    keys = re.findall(r'(?:KEY|NUMBER|BOOL)\((\w+\.\w+),|\{"(\w+\.\w+)"', (SOURCE / "src/config/keys.c").read_text())
    assert len(keys) > 20
    for key in (one or other for one, other in keys):
        check(f"the key {key}", f"{key}:" in page["ntc-config.5"])
    for source in sorted((SOURCE / "dbus").glob("*.xml")):
        for member in xml.parse(source).getroot().iter():
            if member.tag in ("method", "property", "signal"):
                check(f"{source.stem}.{member.get('name')}", member.get("name") in page["org.ntc.5"])
    return 1 if failed else 0


sys.exit(main(*sys.argv[1:]))
