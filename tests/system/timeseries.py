# SPDX-License-Identifier: MIT
"""Prometheus and VictoriaMetrics as servers of a test: in a namespace, with the configuration that
monitoring/ ships, told only whom to scrape, and oftener."""
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import time
import urllib.parse

import yaml

from client import Connection
from waiting import expect

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "monitoring"))
import shipped  # noqa: E402

EVERY = "1s"
RATE_OVER = "5s"  # what Grafana makes of $__rate_interval: a few scrapes


def scrape_config(name, targets, token=None, rules=None):
    """The shipped configuration `name` for these targets, with its lines about the token if there is one."""
    text = (shipped.MONITORING / name).read_text()
    if token:
        text = re.sub(r"^    # (authorization:)\n    # (  credentials_file:) .*$", rf"    \1\n    \2 {token}", text,
                      flags=re.MULTILINE)
    config = yaml.safe_load(text)
    config["global"] = {key: EVERY for key in config["global"]}
    job = config["scrape_configs"][0]
    assert ("authorization" in job) == bool(token), text
    job["static_configs"][0]["targets"] = targets
    if "rule_files" in config:
        config["rule_files"] = [str(rules or shipped.RULES)]
    return config


class Server:
    """Speaks Prometheus' HTTP API."""
    program, name, port, config = "", "", 0, ""

    def __init__(self, world, namespace, targets, token=None, extra_jobs=()):
        self.namespace = namespace
        self.folder = world.folder / self.name
        self.folder.mkdir()
        config = scrape_config(self.config, targets, token)
        config["scrape_configs"] += extra_jobs
        path = self.folder / "scrape.yml"
        path.write_text(yaml.safe_dump(config))
        self.log_path = self.folder / "log"
        with open(self.log_path, "wb") as log:
            self.process = world.spawn(namespace, self.program, *self.arguments(path), stdout=log, stderr=log,
                                       env={**os.environ, "GOMAXPROCS": "1"})

    def get(self, path, **parameters):
        connection = Connection(self.namespace, self.port)
        try:
            connection.request("GET", f"{path}?{urllib.parse.urlencode(parameters, doseq=True)}")
            answer = connection.getresponse()
            text = answer.read().decode()
            assert answer.status == 200, f"{self.name}, {path}, {parameters}: {answer.status} {text}"
            return text
        finally:
            connection.close()

    def data(self, path, **parameters):
        answer = json.loads(self.get(path, **parameters))
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression, at=None):
        """[(labels, value)]"""
        found = self.data("/api/v1/query", query=expression, nocache=1, **({"time": at} if at else {}))["result"]
        return [(item["metric"], float(item["value"][1])) for item in found]

    def value(self, expression):
        """Of an expression with one result; None where it has none."""
        found = self.query(expression)
        assert len(found) <= 1, f"{expression}: {found}"
        return found[0][1] if found else None

    def course(self, expression, seconds=20):
        """[(labels, [values])], as a chart asks."""
        now = time.time()
        found = self.data("/api/v1/query_range", query=expression, start=now - seconds, end=now, step=1,
                          nocache=1)["result"]
        return [(item["metric"], [float(value) for _, value in item["values"]]) for item in found]

    def scraped(self):
        """When the newest scrape was that can be asked for; 0 before the first."""
        return max((value for _, value in self.query('max(timestamp(up{job="ntc"}))')), default=0)

    def wait_scraped(self, after, within=15):
        expect(lambda: self.answers() and self.scraped() > after, True, within)

    def answers(self):
        assert self.process.poll() is None, self.log_path.read_text()[-3000:]
        try:
            self.get("/health" if self.port == 8428 else "/-/ready")
            return True
        except (OSError, AssertionError):
            return False

    def wait_scrapes(self, count):
        """Until each target has been scraped so often that rates have something to go by."""
        expect(self.answers, True, 30)
        expect(lambda: min((value for _, value in self.query('count_over_time(up{job="ntc"}[2m])')), default=0)
               >= count, True, 30)

    def label_values(self, query, job=()):
        """As Grafana resolves a variable: label_values(series, label)."""
        found = shipped.VALUES.fullmatch(query)
        series = found["series"].replace("$job", shipped.regex_of(job)) if job else found["series"]
        return self.data(f"/api/v1/label/{found['label']}/values", **{"match[]": series})


class Prometheus(Server):
    program, name, port, config = "prometheus", "Prometheus", 9090, "prometheus/prometheus.yml"

    def arguments(self, path):
        return (f"--config.file={path}", f"--storage.tsdb.path={self.folder}/data",
                f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn")

    def alerts(self):
        """{(alert, instance): state}, after every rule was evaluated without an error."""
        rules = [rule for group in self.data("/api/v1/rules")["groups"] for rule in group["rules"]]
        assert len(rules) == len(shipped.alert_rules())
        bad = [(rule["name"], rule["lastError"]) for rule in rules if rule.get("lastError")]
        assert not bad, bad
        return {(rule["name"], alert["labels"]["instance"]): alert["state"]
                for rule in rules for alert in rule["alerts"]}

    def evaluated(self):
        return all(rule["health"] == "ok"
                   for group in self.data("/api/v1/rules")["groups"] for rule in group["rules"])


class VictoriaMetrics(Server):
    program, name, port, config = "victoria-metrics", "VictoriaMetrics", 8428, "victoria/scrape.yaml"

    def arguments(self, path):
        return (f"-promscrape.config={path}", f"-storageDataPath={self.folder}/data",
                f"-httpListenAddr=127.0.0.1:{self.port}", "-search.latencyOffset=0s", "-loggerLevel=WARN",
                "-memory.allowedBytes=128MB", "-vmalert.proxyURL=http://127.0.0.1:8880")

    def start_vmalert(self, world):
        """With the command line of docker-compose.yml; its rules are then seen here."""
        return world.spawn(self.namespace, "vmalert", f"-rule={shipped.RULES}", "-httpListenAddr=127.0.0.1:8880",
                           *(f"-{what}.url=http://127.0.0.1:{self.port}"
                             for what in ("datasource", "remoteRead", "remoteWrite")),
                           "-notifier.url=http://127.0.0.1:9", "-evaluationInterval=1s", "-remoteWrite.flushInterval=1s",
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def every_panel_has_data(server, job, instance):
    """[(where, [(labels, values)])]"""
    result = []
    for where, target in shipped.targets():
        expression = shipped.filled_in(target["expr"], job, instance, RATE_OVER)
        if target["instant"]:
            found = [(labels, [value]) for labels, value in server.query(expression)]
        else:
            found = server.course(expression)
        assert found, f"{server.name}: no data for {where}: {expression}"
        assert all(math.isfinite(value) for _, values in found for value in values), (where, found)
        result.append((where, found))
    assert len(result) > 60, len(result)
    return result


def variables_resolve(server, job, instance):
    for dashboard in shipped.dashboards().values():
        jobs, instances = [v["query"]["query"] for v in dashboard["templating"]["list"] if v["type"] == "query"]
        assert server.label_values(jobs) == job, server.label_values(jobs)
        assert sorted(server.label_values(instances, job)) == sorted(instance), server.label_values(instances, job)
        for annotation in dashboard["annotations"]["list"]:
            server.query(shipped.filled_in(annotation["expr"], job, instance))
