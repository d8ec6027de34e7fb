# SPDX-License-Identifier: MIT
"""A real Prometheus and a real VictoriaMetrics read ntc with the configuration that monitoring/ ships: every
query of every panel has data and agrees with /status, and the alert rules see what happens."""
import contextlib
import json
import os
import time

from marks import once
from timeseries import Prometheus, VictoriaMetrics, every_panel_has_data, shipped, variables_resolve
from waiting import expect
from world import World

HOST, FRIEND, FOE, SCANNER = "10.77.0.1", "10.77.0.2", "10.77.0.3", "10.77.0.5"
TOKEN = "a-token-of-the-tests-0123456789"


def panel_value(server, dashboard, title, job, instance):
    """What a panel with one query and one result shows."""
    board = shipped.dashboards()[dashboard]
    [expression] = [target["expr"] for panel in shipped.panels(board) if panel["title"] == title
                    for target in panel["targets"]]
    return server.value(shipped.filled_in(expression, job, instance, "5s"))


def fullest(metrics):
    """Of the flow tables of IPv4 and IPv6, the use of the fuller one, which /status doesn't tell apart."""
    return max(metrics.sum("ntc_flows", family=family) / metrics.sum("ntc_flows_capacity", family=family)
               for family in ("IPV4", "IPV6"))


def status_of(ntc):
    return {**ntc.request("GET", "/status").json, "fullest": fullest(ntc.metrics())}


def counters(server):
    """The counters that /status shows, too, by their place there."""
    value = lambda expression: server.value(f"sum({expression})")
    by_action = {action: value(f'ntc_packets_total{{action="{action}"}}') for action in ("PASS", "DROP", "SKIP", "SSH")}
    return {"packets": value("ntc_packets_total"), "bytes": value("ntc_bytes_total"), **by_action,
            "started": value("ntc_flows_started_total"),
            "hits": value('ntc_list_hits_total{list="blacklist"}'),
            "suppressed": value("ntc_events_suppressed_total"), "lost": value("ntc_events_lost_total"),
            "untracked": value("ntc_flows_untracked_packets_total"),
            "no address": value("ntc_addresses_untracked_packets_total"),
            "unreadable": value('ntc_parse_errors_total{kind="addresses"}'),
            "storage": value("ntc_storage_failures_total"), "journal": value("ntc_journal_lost_total")}


def counters_of(status):
    losses = status["losses"]
    return {"packets": status["traffic"]["packets"], "bytes": status["traffic"]["bytes"],
            **status["traffic"]["packets_by_action"], "started": status["flows"]["started"],
            "hits": status["lists"]["blacklist"]["hits"], "suppressed": losses["events_suppressed"],
            "lost": losses["events_lost"], "untracked": losses["flows_untracked_packets"],
            "no address": losses["addresses_untracked_packets"], "unreadable": losses["unreadable_packets"],
            "storage": losses["storage_failures"], "journal": losses["journal_entries"]}


def shown(server, job, instance):
    """What the panels of single numbers show."""
    show = lambda *panel: panel_value(server, *panel, job, instance)
    return {"packets/s": show("overview.json", "Packets"), "bytes/s": show("overview.json", "Bytes"),
            "flows": show("overview.json", "Flows"), "addresses": show("overview.json", "Addresses"),
            "drift": show("overview.json", "Accounting drift"), "up": show("overview.json", "Instances up"),
            "flow table": show("overview.json", "Flow table"), "address table": show("overview.json", "Address table"),
            "blacklist": show("security.json", "Blacklist"), "whitelist": show("security.json", "Whitelist"),
            "blacklist use": show("security.json", "Blacklist use")}


def shown_by(status):
    flows, addresses, lists = status["flows"], status["addresses"], status["lists"]
    return {"packets/s": status["traffic"]["packets_per_second"], "bytes/s": status["traffic"]["bytes_per_second"],
            "flows": flows["active"], "addresses": addresses["active"],
            "drift": status["losses"]["accounting_drift_packets"], "up": 1,
            "flow table": status["fullest"],
            "address table": addresses["active"] / addresses["capacity"],
            "blacklist": lists["blacklist"]["count"], "whitelist": lists["whitelist"]["count"],
            "blacklist use": lists["blacklist"]["count"] / lists["blacklist"]["capacity"]}


def look(server, ntc, job, instance):
    """What /status says, what the server then scraped, and what /status says after that."""
    before = status_of(ntc)
    server.wait_scraped(time.time())
    return before, counters(server), shown(server, job, instance), status_of(ntc)


def feed_config(world, name="", entries=1):
    """A folder with one feed, of which one line can't be taken."""
    folder = world.folder / f"feeds{name}"
    folder.mkdir()
    (folder / "some.list").write_text("no address\n" + "".join(f"198.51.100.{n}\n" for n in range(entries)))
    return f"feeds:\n  blacklist_folder: {folder}\n"


def refused_request(ntc):
    assert ntc.request("GET", "/status", headers={"Host": "evil.example.com"}).status == 421


def between(low, value, high, slack=0.0):
    return min(low, high) * (1 - slack) <= value <= max(low, high) * (1 + slack)


@once
def test_mock_on_both_servers():
    with World(cables=0) as world:
        ntc = world.start(extra=feed_config(world) + "mock:\n  rate: 2000\n", arguments=["--mock"])
        ntc.add("blacklist", "203.0.113.0/24")
        ntc.add("whitelist", "192.0.2.1")
        refused_request(ntc)
        job, instance = ["ntc"], ["127.0.0.1:8086"]
        servers = [kind(world, world.host, instance) for kind in (Prometheus, VictoriaMetrics)]
        begin, before = time.monotonic(), counters_of(status_of(ntc))
        for server in servers:
            server.wait_scrapes(6)
            every_panel_has_data(server, job, instance)
            variables_resolve(server, job, instance)
            # The traffic goes on: what was scraped between two looks at /status lies between them.
            low, numbers, panels, high = look(server, ntc, job, instance)
            for name, value in numbers.items():
                assert counters_of(low)[name] <= value <= counters_of(high)[name], (server.name, name, value)
            assert numbers["DROP"] > 0, numbers
            for name, value in panels.items():
                assert between(shown_by(low)[name], value, shown_by(high)[name], 0.1), \
                    (server.name, name, value, shown_by(low)[name], shown_by(high)[name])
            # And a rate is what /status grew by.
            grown = counters_of(high)["packets"] - before["packets"]
            rate = server.value("sum(rate(ntc_packets_total[10s]))")
            assert between(grown / (time.monotonic() - begin), rate, rate, 0.25), (server.name, grown, rate)
        expect(servers[0].evaluated, True, 15)
        alerts = servers[0].alerts()
        assert servers[0].value("scrape_samples_scraped") < 200  # monitoring/README.md reckons with it
        assert set(alerts) <= {("NtcScan", instance[0])}, f"a healthy ntc alarms: {alerts}"


def traffic(world):
    for port in range(9000, 9030):
        assert world.udp(world.peer, FRIEND, world.host, HOST, port)
    for _ in range(5):
        assert not world.udp(world.peer, FOE, world.host, HOST, wait=0.05)
    assert world.udp(world.peer, "10.77.0.4", world.host, HOST)
    assert world.ping(world.peer, FRIEND, HOST)
    for port in (22, 9100):
        assert world.tcp(world.peer, FRIEND, world.host, HOST, port)
    for port in range(10_000, 10_080):  # a port scan: nobody listens there
        with contextlib.suppress(ConnectionRefusedError):
            world.connect(world.peer, SCANNER, HOST, port).close()


@once
def test_ebpf_under_traffic_with_a_token():
    """The servers read over a cable that ntc doesn't watch, with the token that reads need here."""
    with World(cables=2) as world:
        token = world.folder / "token"
        token.write_text(TOKEN + "\n")
        token.chmod(0o600)
        config = world.config(["eth0"], extra=feed_config(world)).replace("server:\n", f"server:\n  token_file: {token}\n  read_token: true\n")
        ntc = world.launch(config).wait_ready()
        ntc.add("blacklist", FOE)
        ntc.add("whitelist", "10.77.0.4")
        refused_request(ntc)
        job, instance = ["ntc"], ["10.77.1.1:8086"]
        without = {"job_name": "no-token", "static_configs": [{"targets": instance}]}
        prometheus, victoria = servers = [kind(world, world.peer, instance, token, [without])
                                          for kind in (Prometheus, VictoriaMetrics)]
        for server in servers:
            server.wait_scrapes(2)
        vmalert = victoria.start_vmalert(world)
        traffic(world)
        enough = time.time() + 4
        for server in servers:
            server.wait_scraped(enough)
            data = dict(every_panel_has_data(server, job, instance))
            variables_resolve(server, job, instance)
            assert server.value('up{job="no-token"}') == 0
            # The first looks fell before the traffic: what the charts drew rose from nothing to it.
            drops = data["ntc / Security, Dropped, A"][0][1]
            assert max(drops) > 0, drops
            agrees(server, ntc, job, instance)
        expect(prometheus.evaluated, True, 15)
        expect(lambda: (vmalert.poll(), health_of_vmalert(victoria)), (None, {"ok"}), 20)
        # The scan is noticed, and nothing else alarms.
        expect(prometheus.alerts, {("NtcScan", instance[0]): "firing"}, 15)
        for server in servers:
            assert panel_value(server, "security.json", "Scans, last hour", job, instance) > 0.9
            expect(lambda: panel_value(server, "overview.json", "Alerts firing", job, instance), 1, 15)
        # It stops: both are about to say so.
        ntc.stop()
        expect(lambda: prometheus.alerts().get(("NtcDown", instance[0])), "pending", 10)
        expect(lambda: victoria.query('ALERTS{alertname="NtcDown", alertstate="pending"}') != [], True, 15)
        assert panel_value(prometheus, "overview.json", "Instances up", job, instance) == 0


def agrees(server, ntc, job, instance):
    """In a quiet moment (IPv6 solicits routers now and then) panels and /status are equal."""
    def still(status):
        panels = {name: value for name, value in shown_by(status).items() if not name.endswith("/s")}
        return panels, counters_of(status)

    for _ in range(10):
        before, numbers, panels, after = look(server, ntc, job, instance)
        if still(after) == still(before):
            break
    else:
        raise AssertionError(f"nothing settles: {before}, {after}")
    assert numbers == counters_of(before), (server.name, numbers, counters_of(before))
    assert numbers["DROP"] == numbers["hits"] == 5 and numbers["SKIP"] == 1 and numbers["SSH"] > 0, numbers
    # Means over the last minute sink while the daemon is younger than that; the rest is equal to the digit.
    for name, value in panels.items():
        assert between(shown_by(before)[name], value, shown_by(after)[name], 1e-3), (server.name, name, value, before)


def health_of_vmalert(victoria):
    """As the rules are seen through VictoriaMetrics, where Grafana asks for them."""
    with contextlib.suppress(AssertionError, OSError, KeyError):
        rules = [rule for group in victoria.data("/api/v1/rules")["groups"] for rule in group["rules"]]
        assert len(rules) == len(shipped.alert_rules()), rules
        return {rule["health"] for rule in rules if not rule.get("lastError")}
    return None


# --- a fleet ---------------------------------------------------------------------------------------

NODES = (1, 2, 3)


def make_node(world, number):
    """A machine with ntc, on a cable of its own to the one that reads. Node n has n entries, of a feed."""
    node = world.namespace(f"node{number}")
    node.ip("link", "add", "eth0", "type", "veth", "peer", "name", f"node{number}", "netns", world.host.name)
    node.ip("address", "add", f"10.78.{number}.1/24", "dev", "eth0")
    node.ip("link", "set", "eth0", "up")
    world.host.ip("address", "add", f"10.78.{number}.2/24", "dev", f"node{number}")
    world.host.ip("link", "set", f"node{number}", "up")
    config = world.config(["eth0"], world.folder / f"node{number}.json", feed_config(world, number, number))
    return world.launch(config, namespace=node).wait_ready()


@once
def test_fleet_of_three_and_the_instance_selector():
    with World(cables=0) as world:
        fleet = {f"10.78.{number}.1:8086": make_node(world, number) for number in NODES}
        job, all_of_them = ["ntc"], list(fleet)
        server = Prometheus(world, world.host, all_of_them)
        server.wait_scrapes(6)
        variables_resolve(server, job, all_of_them)
        entries = lambda *instance: panel_value(server, "security.json", "Blacklist", job, instance)
        for number, instance in zip(NODES, all_of_them):
            assert entries(instance) == number
            for where, found in every_panel_has_data(server, job, [instance]):
                others = {labels["instance"] for labels, _ in found if "instance" in labels} - {instance}
                assert not others, f"{where}: {others} beside {instance}"
        assert entries(*all_of_them[1:]) == 5 and entries(*all_of_them) == 6
        assert panel_value(server, "security.json", "Blacklist", job, shipped.ALL) == 6
        # With all of them no panel leaves one out.
        for where, found in every_panel_has_data(server, job, shipped.ALL):
            seen = {labels["instance"] for labels, _ in found if "instance" in labels}
            assert seen in (set(), set(all_of_them)), f"{where}: {seen}"
        up = lambda: panel_value(server, "overview.json", "Instances up", job, shipped.ALL)
        assert up() == 3
        fleet[all_of_them[1]].kill()
        expect(up, 2, 10)
        expect(lambda: server.alerts().get(("NtcDown", all_of_them[1])), "pending", 10)
        assert {name for name in server.alerts() if name[0] == "NtcDown"} == {("NtcDown", all_of_them[1])}


# --- names that hurt -------------------------------------------------------------------------------

# All that the kernel allows in a name (no slash, colon or white space; 15 bytes), as label value and as made.
HOSTILE = {'h"quotes"': b'h"quotes"', "h\\back\\": b"h\\back\\", "h{a=\"b\"}": b'h{a="b"}', "h#,=|": b"h#,=|",
           "hüñ\u2028": "hüñ\u2028".encode(), "h\x01\x7f": b"h\x01\x7f", r"h\xff\xfe": b"h\xff\xfe"}


@once
def test_hostile_interface_names():
    with World(cables=0) as world:
        for number, name in enumerate(HOSTILE.values()):
            world.host.ip("link", "add", "dev", os.fsdecode(name), "type", "veth",
                          "peer", "name", f"p{number}", "netns", world.peer.name)
        ntc = world.start(interfaces=["h*"])
        expect(lambda: ntc.metrics().text.count("ntc_attached{"), 2 * len(HOSTILE), 10)
        for server in [kind(world, world.host, ["127.0.0.1:8086"]) for kind in (Prometheus, VictoriaMetrics)]:
            server.wait_scrapes(2)
            found = {labels["interface"]: value for labels, value in server.query('ntc_attached{direction="INGRESS"}')}
            assert found == {label: 1 for label in HOSTILE}, (server.name, found)
        json.loads(ntc.request("GET", "/status").text)
