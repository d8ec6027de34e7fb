#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Holds monitoring/ against its schemas, against promtool and VictoriaMetrics' own checks, and against the
metrics that a running ntc (--mock, without privileges) exports. A line a check: PASS or FAIL.

    tests/monitoring/check.py NTC COMPOSE-SCHEMA FOLDER

Wants promtool, victoria-metrics, vmagent, vmalert and npm in PATH, and a FOLDER for what npm installs.
"""
import itertools
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

import jsonschema
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain_text

import grafana_model
from mock import Mock
from shipped import ALL, FOREIGN, MONITORING, RULES, alert_rules, dashboards, documented, metrics_in, panels, targets

NTC, COMPOSE_SCHEMA, NPM_FOLDER = sys.argv[1:4]
OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"


def run(*command, **options):
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, **options)
    output = result.stdout + result.stderr
    assert result.returncode == 0, f"{' '.join(map(str, command))}: status {result.returncode}\n{output}"
    return output


MOCK = Mock(NTC)


def exposition():
    """The families of a page in the plain format."""
    return list(plain_text(MOCK.page()[1].decode()))


def exported():
    """{metric: labels of its samples}, the names as scraped."""
    text = MOCK.page()[1].decode()
    names = re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE)
    labels = {sample.name: set(sample.labels) for family in plain_text(text) for sample in family.samples}
    return {name: labels.get(name) for name in names}


def known_metrics():
    return set(exported()) | FOREIGN


# --- what is exported ------------------------------------------------------------------------------

def check_plain_text():
    kind, body = MOCK.page()
    assert kind == "text/plain; version=0.0.4; charset=utf-8", kind
    result = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True)
    complaints = (result.stdout + result.stderr).decode().splitlines()
    # The one name that is kept against the custom, for dashboards that know it.
    assert [line for line in complaints if not line.startswith("ntc_ip_syn_count non-histogram")] == [], complaints


def check_openmetrics():
    kind, body = MOCK.page(OPENMETRICS)
    assert kind == "application/openmetrics-text; version=1.0.0; charset=utf-8", kind
    assert body.endswith(b"\n# EOF\n"), body[-80:]
    asked = {sample.name for family in openmetrics(body.decode()) for sample in family.samples}
    plain = {sample.name for family in exposition() for sample in family.samples}
    assert asked == plain, asked ^ plain
    for accept in ("text/plain", "*/*", None):
        assert MOCK.page(accept)[0].startswith("text/plain"), accept


def check_order_and_help():
    def order():
        return re.findall(r"^# TYPE (\S+) ", MOCK.page()[1].decode(), re.MULTILINE)

    def samples():
        return [(sample.name, *sample.labels.items()) for family in exposition() for sample in family.samples
                if not sample.name.startswith(("ntc_ip_", "ntc_http_requests"))]

    assert order() == order() and samples() == samples()
    assert len(set(order())) == len(order()), "a family twice"
    assert len(set(samples())) == len(samples()), "a sample twice"
    for family in exposition():
        assert len(family.documentation) > 10, f"{family.name}: HELP explains nothing"


def check_documented():
    told, shown = documented(), exported()
    assert set(told) == set(shown), f"only in docs/metrics.md: {set(told) - set(shown)}, " \
                                    f"only exported: {set(shown) - set(told)}"
    for name, labels in shown.items():
        assert labels in (None, told[name]), f"{name}: labels {labels}, documented {told[name]}"


# --- alert rules -----------------------------------------------------------------------------------

def check_rules():
    run("promtool", "check", "rules", RULES)
    run("vmalert", "-dryRun", f"-rule={RULES}")
    known = known_metrics()
    for rule in alert_rules():
        assert metrics_in(rule["expr"]) <= known, f"{rule['alert']}: {metrics_in(rule['expr']) - known}"
        assert rule["labels"]["severity"] in ("critical", "warning", "info"), rule
        for key in ("summary", "description", "runbook"):
            text = rule["annotations"][key]
            assert len(text) > 15 and "\n" not in text, f"{rule['alert']}: {key}"


def check_rule_tests():
    tests = MONITORING / "alerts" / "ntc.test.yml"
    run("promtool", "test", "rules", tests)
    text = tests.read_text()
    for rule in alert_rules():
        assert f'alertname="{rule["alert"]}"' in text, f"no test makes {rule['alert']} fire"
    # And the tests can fail: with rules that never fire, promtool misses every one of them.
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(tests, folder)
        mute = yaml.safe_load(RULES.read_text())
        for rule in (rule for group in mute["groups"] for rule in group["rules"]):
            rule["expr"] = "vector(0) > 1"
        (pathlib.Path(folder) / RULES.name).write_text(yaml.safe_dump(mute))
        result = subprocess.run(["promtool", "test", "rules", f"{folder}/{tests.name}"], capture_output=True, text=True)
        assert result.returncode == 1, result.stdout + result.stderr
        missed = set(re.findall(r'exp: .*?alertname="(\w+)"', result.stdout + result.stderr))
        assert missed == {rule["alert"] for rule in alert_rules()}, missed


# --- configuration ---------------------------------------------------------------------------------

def check_configuration():
    scrape = f"-promscrape.config={MONITORING / 'victoria' / 'scrape.yaml'}"
    run("victoria-metrics", "-dryRun", "-promscrape.config.strictParse", scrape)
    run("vmagent", "-dryRun", "-promscrape.config.strictParse", scrape, "-remoteWrite.url=http://127.0.0.1:1")
    with tempfile.TemporaryDirectory() as folder:
        for path in (MONITORING / "prometheus" / "prometheus.yml", RULES):
            shutil.copy(path, folder)
        run("promtool", "check", "config", f"{folder}/prometheus.yml")
    for name in ("victoria/scrape.yaml", "prometheus/prometheus.yml"):
        config = yaml.safe_load((MONITORING / name).read_text())
        assert config["global"]["scrape_interval"] == "10s", name
        assert [job["job_name"] for job in config["scrape_configs"]] == ["ntc"], name


def check_compose():
    compose = yaml.safe_load((MONITORING / "docker-compose.yml").read_text())
    schema = json.loads(pathlib.Path(COMPOSE_SCHEMA).read_text())
    jsonschema.Draft7Validator(schema).validate(compose)
    assert set(compose["services"]) == {"victoriametrics", "vmalert", "grafana"}
    mounted = {}
    for name, service in compose["services"].items():
        assert re.search(r":v?\d+\.\d+\.\d+$", service["image"]), f"{name}: an image without a version"
        for volume in service["volumes"] if "volumes" in service else []:
            source, target = volume.split(":")[:2]
            if source.startswith("./"):
                assert (MONITORING / source).is_dir(), f"{name} mounts {source}, which is not there"
                mounted[target] = MONITORING / source
            else:
                assert source in compose["volumes"], volume
    # Files that an argument or a provider names are where a mount puts them.
    text = (MONITORING / "docker-compose.yml").read_text()
    for path in re.findall(r"(/etc/[\w/.-]+\.(?:ya?ml|json))", text):
        folder = next(folder for folder in mounted if path.startswith(folder + "/"))
        assert (mounted[folder] / path[len(folder) + 1:]).is_file(), path
    provisioning = MONITORING / "grafana" / "provisioning"
    provider = yaml.safe_load((provisioning / "dashboards" / "ntc.yml").read_text())["providers"][0]
    assert list(mounted[provider["options"]["path"]].glob("*.json"))
    source = yaml.safe_load((provisioning / "datasources" / "ntc.yml").read_text())["datasources"][0]
    assert re.fullmatch(r"http://(\w+):8428", source["url"])[1] in compose["services"]


# --- dashboards ------------------------------------------------------------------------------------

def check_dashboards():
    run(sys.executable, MONITORING / "grafana" / "source" / "build.py", "--check")
    boards = dashboards()
    assert [board["title"] for board in boards.values()] == ["ntc / Overview", "ntc / Security", "ntc / Top Talkers"]
    for key in ("uid", "title"):
        assert len({board[key] for board in boards.values()}) == len(boards), f"{key} twice"
    for name, board in boards.items():
        assert [link["tags"] for link in board["links"]] == [board["tags"]], f"{name}: no links to the others"
        variables = [variable["name"] for variable in board["templating"]["list"]]
        assert variables == ["datasource", "job", "instance"], variables
        assert [board["templating"]["list"][2]["allValue"]] == ALL
        check_datasources(name, board)
        check_layout(name, board)
        for panel in panels(board):
            assert "datasource" in panel, panel["title"]
            check_panel(f"{name}, {panel['title']}", panel)


def check_grafana_model():
    complaints = grafana_model.complaints(pathlib.Path(NPM_FOLDER))
    assert complaints == "", complaints


def check_datasources(name, item):
    """Whatever says where its data come from says: from the variable."""
    for key, value in item.items() if isinstance(item, dict) else enumerate(item):
        if key == "datasource":
            assert value == {"type": "prometheus", "uid": "${datasource}"}, f"{name}: {value}"
        elif isinstance(value, (dict, list)):
            check_datasources(name, value)


def check_layout(name, board):
    ids = [item["id"] for row in board["panels"] for item in (row, *row.get("panels", []))]
    assert len(set(ids)) == len(ids), f"{name}: a panel's id twice"
    taken = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = set(itertools.product(range(place["x"], place["x"] + place["w"]),
                                      range(place["y"], place["y"] + place["h"])))
        assert place["x"] + place["w"] <= 24 and not cells & taken, f"{name}, {panel['title']}: {place}"
        taken |= cells


def check_panel(name, panel):
    known = known_metrics()
    defaults = panel["fieldConfig"]["defaults"]
    assert len(panel["description"]) > 15, f"{name}: no description"
    assert defaults["unit"] and defaults["thresholds"]["steps"], f"{name}: no unit or thresholds"
    assert panel["targets"], f"{name}: no query"
    for target in panel["targets"]:
        used = metrics_in(target["expr"])
        assert used and used <= known, f"{name}: {used - known or 'no metric'}"
        assert target["expr"].count("$instance") == len(re.findall(r"\{[^}]*\}", target["expr"])), \
            f"{name}: not every selector has the instance"


def check_every_metric_is_shown():
    used = set().union(*(metrics_in(target["expr"]) for _, target in targets()),
                       *(metrics_in(rule["expr"]) for rule in alert_rules()))
    assert set(exported()) <= used, f"on no dashboard: {set(exported()) - used}"


def main():
    failed = 0
    with MOCK:
        for name, check in list(globals().items()):
            if not name.startswith("check_") or check.__code__.co_argcount:
                continue
            begin = time.monotonic()
            try:
                check()
                print(f"PASS monitoring/{name[6:]} {time.monotonic() - begin:.1f} s", flush=True)
            except Exception:
                print(f"FAIL monitoring/{name[6:]}", flush=True)
                print("    " + traceback.format_exc().strip().replace("\n", "\n    "), flush=True)
                failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
