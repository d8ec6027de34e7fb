#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Holds units/ntc.catalog and docs/journal.md against src/journal/message-ids.c and the fields that are sent."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def read(path):
    return (ROOT / path).read_text()


def differences(what, wanted, found):
    return [f"{what}: {'missing' if item in wanted else 'unknown'}: {item}" for item in sorted(set(wanted) ^ set(found))]


def main():
    source = dict(re.findall(r'\[JOURNAL_\w+\] = \{"([\w-]+)", "([0-9a-f]{32})"\}', read("src/journal/message-ids.c")))
    names = re.findall(r"^    (JOURNAL_\w+),", read("src/journal/message-ids.h"), re.M)
    docs = read("docs/journal.md")
    catalog = re.findall(r"^-- ([0-9a-f]{32})\nSubject: .+\nDefined-By: ntc\n(?:.+: .+\n)*\n\S", read("units/ntc.catalog"), re.M)
    sent = {field for path in (ROOT / "src").rglob("*.c")
            for field in re.findall(r'"(NTC_[A-Z_]+)=%', path.read_text())}
    told = set(re.findall(r"`(NTC_[A-Z_]+)`", docs))
    wrong = differences("docs/journal.md", source.items(), re.findall(r"^\| `([\w-]+)` \| `([0-9a-f]{32})` \|", docs, re.M))
    wrong += differences("units/ntc.catalog", source.values(), catalog)
    wrong += differences("docs/journal.md", sent | {"NTC_SRC", "NTC_DST"}, told)
    wrong += differences("units/ntc.catalog", set(), set(re.findall(r"@(NTC_[A-Z_]+)@", read("units/ntc.catalog"))) - told)
    if len(source) != len(names) or len(set(source.values())) != len(source) or len(catalog) != len(set(catalog)):
        wrong.append(f"{len(names)} events, {len(source)} names and ids, {len(catalog)} explanations")
    print("\n".join(wrong) or f"{len(source)} events")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
