# SPDX-License-Identifier: MIT
"""What monitoring/ ships, read for the tests: dashboards with their queries, alert rules, documented metrics."""
import json
import pathlib
import re

import yaml

TREE = pathlib.Path(__file__).resolve().parents[2]
MONITORING = TREE / "monitoring"
RULES = MONITORING / "alerts" / "ntc.rules.yml"
# Of Prometheus and vmalert themselves.
FOREIGN = {"up", "ALERTS"}
METRIC = re.compile(r"\b(?:(?:ntc|process)_\w+|up|ALERTS)\b(?=[{\[ )]|$)")
VALUES = re.compile(r"label_values\((?P<series>.*), (?P<label>\w+)\)")


def dashboards():
    """{file name: dashboard}"""
    return {path.name: json.loads(path.read_text())
            for path in sorted((MONITORING / "grafana" / "dashboards").glob("*.json"))}


def panels(dashboard):
    """Without the rows."""
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            yield panel
        yield from panel.get("panels", [])


def targets():
    """(where, target) of every panel."""
    return [(f"{dashboard['title']}, {panel['title']}, {target['refId']}", target)
            for dashboard in dashboards().values() for panel in panels(dashboard) for target in panel["targets"]]


def alert_rules():
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def metrics_in(expression):
    return set(METRIC.findall(expression))


def regex_of(values):
    """What Grafana puts for a variable in =~"$x": (a|b), each escaped twice: as expression, and as string."""
    escaped = [re.sub(r"([\\^$.*+?()\[\]{}|/])", r"\\\\\1", value) for value in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


ALL = [".*"]  # of the selector of instances


def filled_in(expression, job, instance, interval="10s"):
    """The expression as Grafana would send it; job is a list, instance one or ALL."""
    chosen = ALL[0] if instance is ALL else regex_of(instance)
    for name, value in (("$job", regex_of(job)), ("$instance", chosen), ("$__rate_interval", interval)):
        expression = expression.replace(name, value)
    assert "$" not in expression, expression
    return expression


def documented():
    """{metric: set of its labels} by docs/metrics.md."""
    result = {}
    for line in (TREE / "docs" / "metrics.md").read_text().splitlines():
        if line.startswith("| `"):
            for name, labels in re.findall(r"`([a-z]+_\w+)(?:\{([\w,]+)\})?`", line.split("|")[1]):
                result[name] = set(labels.split(",")) if labels else set()
    return result
