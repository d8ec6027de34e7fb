#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes the dashboards' JSON, and the tables of panels and alert rules in monitoring/README.md.

    monitoring/grafana/source/build.py [--check]      --check: changes nothing, fails where something would
"""
import json
import pathlib
import re
import sys

import yaml

import overview
import security
import top_talkers

SOURCES = {"overview": overview, "top-talkers": top_talkers, "security": security}
GRAFANA = pathlib.Path(__file__).resolve().parent.parent
README = GRAFANA.parent / "README.md"
RULES = GRAFANA.parent / "alerts" / "ntc.rules.yml"
METRIC = re.compile(r"\b(?:(?:ntc|process)_\w+|up(?={)|ALERTS)")


def metrics_of(panel):
    names = sorted({name for target in panel["targets"] for name in METRIC.findall(target["expr"])})
    return ", ".join(f"`{name}`" for name in names)


def panel_table(dashboards):
    lines = []
    for dashboard in dashboards:
        lines += ["", f"**{dashboard['title']}**: {dashboard['description']}", "", "| panel | what it shows | from |",
                  "|---|---|---|"]
        for panel in dashboard["panels"]:
            if panel["type"] == "row":
                lines.append(f"| *{panel['title']}* | | |")
            else:
                lines.append(f"| {panel['title']} | {panel['description']} | {metrics_of(panel)} |")
    return "\n".join(lines) + "\n\n"


def rule_table():
    lines = ["", "| alert | severity | what it says | what to do |", "|---|---|---|---|"]
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            notes = rule["annotations"]
            lines.append(f"| {rule['alert']} | {rule['labels']['severity']} | {notes['description']} | "
                         f"{notes['runbook']} |")
    return re.sub(r"\{\{ \$(?:labels\.)?(\w+)[^}]*\}\}", r"*\1*", "\n".join(lines)) + "\n\n"


def between_marks(text, mark, content):
    begin, end = f"<!-- {mark} -->\n", f"<!-- /{mark} -->\n"
    return text[:text.index(begin) + len(begin)] + content + text[text.index(end):]


def outputs():
    """{path: what it should hold}"""
    result = {GRAFANA / "dashboards" / f"{name}.json": json.dumps(source.DASHBOARD, indent=1) + "\n"
              for name, source in SOURCES.items()}
    readme = between_marks(README.read_text(), "panels",
                           panel_table([source.DASHBOARD for source in SOURCES.values()]))
    result[README] = between_marks(readme, "alerts", rule_table())
    return result


def main():
    stale = [path for path, text in outputs().items() if not path.exists() or path.read_text() != text]
    if sys.argv[1:] == ["--check"]:
        for path in stale:
            print(f"{path}: not what monitoring/grafana/source/build.py writes")
        return 1 if stale else 0
    for path in stale:
        path.write_text(outputs()[path])
        print(f"written: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
