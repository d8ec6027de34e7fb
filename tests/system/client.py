# SPDX-License-Identifier: MIT
"""What one asks of a running ntc over HTTP."""
import http.client
import json
import re
import socket

from waiting import expect


class Metrics:
    """A scrape: metrics.sum("ntc_packets_total", proto="TCP") adds what matches."""
    line = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$")
    label = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

    def __init__(self, text):
        self.text = text
        self.samples = []
        for line in text.splitlines():
            if found := self.line.match(line):
                labels = dict(self.label.findall(found[2] or ""))
                self.samples.append((found[1], labels, float(found[3])))

    def values(self, name, **wanted):
        return [value for found, labels, value in self.samples
                if found == name and all(labels.get(k) == v for k, v in wanted.items())]

    def sum(self, name, **wanted):
        """Of samples that there must be."""
        values = self.values(name, **wanted)
        assert values, f"no sample of {name}{wanted}"
        total = sum(values)
        return int(total) if total == int(total) else total


class Answer:
    def __init__(self, status, body):
        self.status = status
        self.text = body.decode()

    @property
    def json(self):
        return json.loads(self.text)


class Connection(http.client.HTTPConnection):
    """HTTP from within a namespace."""

    def __init__(self, namespace, port):
        super().__init__("127.0.0.1", port, timeout=20)
        self.namespace = namespace

    def connect(self):
        self.sock = self.namespace.socket(socket.AF_INET)
        self.sock.settimeout(self.timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.connect((self.host, self.port))


class Client:
    """What one asks of a running ntc, as root, from within `namespace`."""
    port = 8086

    def __init__(self, namespace):
        self.namespace = namespace

    def request(self, method, path, body=None, headers=None):
        connection = Connection(self.namespace, self.port)
        try:
            if body is not None:
                headers = {"Content-Type": "application/json", **(headers or {})}
                body = body if isinstance(body, (str, bytes)) else json.dumps(body)
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, answer.read())
        finally:
            connection.close()

    def add(self, which, ip, **options):
        answer = self.request("POST", f"/{which}", {"ip": ip, **options})
        assert answer.status == 200 and answer.json["ok"], f"add {ip}: {answer.status} {answer.text}"
        return answer.json

    def remove(self, which, ip):
        answer = self.request("DELETE", f"/{which}?ip={ip.replace(':', '%3A').replace('/', '%2F')}")
        assert answer.status == 200 and answer.json["ok"], f"remove {ip}: {answer.status} {answer.text}"

    def entries(self, which):
        answer = self.request("GET", f"/{which}?limit=10000")
        assert answer.status == 200, answer.text
        return {entry["ip"]: entry for entry in answer.json["entries"]}

    def metrics(self):
        answer = self.request("GET", "/metrics")
        assert answer.status == 200, answer.text
        return Metrics(answer.text)

    def packets(self, **labels):
        return self.metrics().sum("ntc_packets_total", **labels)

    def attached(self, **labels):
        """How many directions of interfaces it watches, once it has looked for the first time."""
        expect(lambda: "ntc_attached{" in self.metrics().text, True)
        return self.metrics().sum("ntc_attached", **labels)

    def flows(self):
        answer = self.request("GET", "/flows?limit=1000")
        assert answer.status == 200, answer.text
        return answer.json["flows"]
