# SPDX-License-Identifier: MIT
"""Alerts: real scanners and floods from the peer's namespace, and real traffic that must stay silent."""
import http.server
import time

from marks import alone, long, once
from private_bus import PrivateBus
from viewer import Audience
from waiting import expect, settled
from world import World

SCANNER, SSH_PEER, FRIEND, BYSTANDER = "10.77.0.2", "10.77.0.3", "10.77.0.4", "10.77.0.5"
HOST, HOST_V6, SCANNER_V6 = "10.77.0.1", "fd77::1", "fd77::2"
WITHIN = 5.0


def start(world, detect="", extra=""):
    """With the interval between scans that is the default: detection has to be fast enough with it."""
    config = world.config(extra=f"detect:\n  window_sec: 60\n{detect}{extra}")
    return world.launch(config.replace("scan_interval_ms: 100", "scan_interval_ms: 1000")).wait_ready()


def alerts(ntc, query=""):
    answer = ntc.request("GET", f"/alerts{query}")
    assert answer.status == 200, answer.text
    assert answer.json["count"] == len(answer.json["alerts"]), answer.text
    return answer.json["alerts"]


def nmap(world, *options, source=SCANNER, target=HOST):
    world.peer.run("nmap", "-n", "-Pn", "-S", source, "-e", "eth0", *options, target)


def caught(ntc, begin, number=1):
    """The newest alert of `number`, which came in time."""
    expect(lambda: len(alerts(ntc)), number, WITHIN + begin - time.monotonic())
    return alerts(ntc)[0]


def blocked(entry):
    """For how many seconds an entry of a list was made."""
    seconds = [time.mktime(time.strptime(entry[key][:19], "%Y-%m-%dT%H:%M:%S")) for key in ("added", "expires")]
    return round(seconds[1] - seconds[0])


# --- scans


def scan_is_caught(world, ntc, *options):
    begin = time.monotonic()
    nmap(world, *options)
    alert = caught(ntc, begin)
    assert (alert["kind"], alert["ip"], alert["target"]) == ("port-scan", SCANNER, HOST), alert
    assert (alert["hosts"], alert["interface"], alert["blocked_until"]) == (1, "eth0", None), alert
    # 1,000 ports, exact up to 64 and then within 5 %.
    assert 950 <= alert["ports"] <= 1050, alert
    assert f"{SCANNER} tried about {alert['ports']} TCP ports of {HOST}" in alert["message"], alert
    return alert


def test_nmap_syn_scan():
    with World() as world, Audience() as audience:
        ntc = start(world)
        viewer = audience.add(world, ntc)
        alert = scan_is_caught(world, ntc, "-sS")
        # nmap comes again, and it is the same story: nothing more within the cool-down.
        nmap(world, "-sS")
        time.sleep(3)
        assert alerts(ntc) == [alert]
        assert ntc.metrics().sum("ntc_alerts_total", kind="port-scan") == 1
        assert ntc.metrics().sum("ntc_alerts_total") == 1
        assert [data for name, _, data in viewer.messages() if name == "alert"] == [alert]


@once
def test_nmap_connect_scan():
    with World() as world:
        scan_is_caught(world, start(world), "-sT")


@once
def test_nmap_scans_without_syn_over_udp_and_ipv6():
    with World() as world:
        ntc = start(world)
        scans = {SCANNER: ("-sN",), SSH_PEER: ("-sX",), FRIEND: ("-sU", "-p1-300", "--max-retries", "0")}
        for source, options in scans.items():
            nmap(world, *options, source=source)
        scans[SCANNER_V6] = ("-6", "-sS")
        nmap(world, *scans[SCANNER_V6], source=SCANNER_V6, target=HOST_V6)
        caught(ntc, time.monotonic(), len(scans))
        assert {alert["ip"] for alert in alerts(ntc)} == scans.keys()
        for alert in alerts(ntc):
            assert alert["kind"] == "port-scan" and alert["ports"] >= 20, alert


# --- floods


@alone
@once
def test_syn_flood_with_forged_sources():
    with World() as world:
        ntc = start(world)
        memory = ntc.metrics().sum("process_resident_memory_bytes")
        begin = time.monotonic()
        child = world.spawn(world.peer, "hping3", "--syn", "--destport", "80", "--rand-source", "--interval",
                            "u100", "--quiet", HOST, stdout=-3, stderr=-3)
        alert = caught(ntc, begin)
        assert (alert["kind"], alert["ip"], alert["target"]) == ("syn-flood", HOST, "TCP port 80"), alert
        assert alert["packets"] >= 2400 and alert["hosts"] >= alert["packets"] * 0.8, alert
        time.sleep(5)
        world.end_child(child)
        # 65,536 flows and all of detection's tables.
        assert ntc.metrics().sum("process_resident_memory_bytes") - memory < 48 << 20
        assert ntc.metrics().sum("ntc_detect_lost_total") > 2048, "far more sources than there is room for"
        assert len(alerts(ntc)) == 1, alerts(ntc)


# --- silence


def serve(world, size):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(size))
            self.end_headers()
            self.wfile.write(bytes(size))

        def log_message(self, *_):
            pass

    with world.host.inside():
        server = http.server.ThreadingHTTPServer((HOST, 8000), Handler)
    server.socket.listen(128)
    world.fork(server.serve_forever)
    server.socket.close()


@once
def test_downloads_and_speed_tests_are_silent():
    with World() as world:
        # Each threshold as low as it can go without a single failure: only what is answered is seen.
        ntc = start(world, "  sweep_hosts: 10\n  syn_flood_per_sec: 1\n  volume_per_sec: 10\n")
        serve(world, 1 << 20)
        world.spawn(world.host, "iperf3", "--server", stdout=-3)
        world.peer.run("sh", "-c", "for i in $(seq 50); do "
                       f"curl -sf -o /dev/null --interface {BYSTANDER} http://{HOST}:8000/$i & done; wait")
        for options in ((), ("--reverse",), ("--parallel", "16"), ("--udp", "--bitrate", "200M", "--bidir")):
            world.peer.run("iperf3", "--client", HOST, "--time", "1", *options)
        settled(lambda: len(alerts(ntc)), quiet=3)
        assert ntc.packets(proto="TCP") > 50_000
        assert alerts(ntc) == []


# --- automatic block


def reachable(world, source):
    return world.udp(world.peer, source, world.host, HOST)


@long
@once
def test_block_stops_expires_and_comes_back_longer():
    with World() as world:
        ntc = start(world, "  block: true\n  block_ttl_sec: 3\n  cooldown_sec: 1\n")
        for number, ttl in enumerate((3, 6), 1):
            begin = time.monotonic()
            nmap(world, "-sS")
            alert = caught(ntc, begin, number)
            entry = ntc.entries("blacklist")[SCANNER]
            assert not reachable(world, SCANNER) and reachable(world, BYSTANDER)
            assert alert["message"].endswith(f"; blocked for {ttl} s"), alert
            assert alert["blocked_until"][:17] == entry["expires"][:17], (alert, entry)
            assert (entry["origin"], entry["by"]) == ("alert", "internal"), entry
            assert "in vain" in entry["comment"] and blocked(entry) == ttl, entry
            # While it lasts the scanner gets nowhere, and that is no news.
            nmap(world, "-sS", "--max-retries", "0", "--host-timeout", "1500ms")
            expect(lambda: reachable(world, SCANNER), True, within=ttl + 2)
            assert len(alerts(ntc)) == number, alerts(ntc)
        assert ntc.entries("blacklist") == {}


def test_block_spares_itself_gateway_whitelist_and_ssh_peer():
    with World() as world:
        world.host.ip("route", "add", "default", "via", SCANNER)
        ntc = start(world, "  block: true\n  cooldown_sec: 1\n")
        ntc.add("whitelist", FRIEND)
        with world.listen(world.host, HOST, 22), world.connect(world.peer, SSH_PEER, HOST, 22):
            for source in (SCANNER, SSH_PEER, FRIEND, BYSTANDER):
                nmap(world, "-sS", source=source)
            world.host.run("nmap", "-n", "-Pn", "-sS", BYSTANDER)
            expect(lambda: len(alerts(ntc)), 4)
            for source, why in ((SCANNER, "gateway"), (SSH_PEER, "SSH"), (HOST, "this machine")):
                [alert] = alerts(ntc, f"?ip={source}")
                assert alert["blocked_until"] is None and "not blocked" in alert["message"], alert
                assert why in alert["message"] and "force" not in alert["message"], alert
                assert source == HOST or reachable(world, source), source
            assert alerts(ntc, f"?ip={FRIEND}") == [] and reachable(world, FRIEND)
            # All that shows that the others were spared.
            assert list(ntc.entries("blacklist")) == [BYSTANDER]
            assert not reachable(world, BYSTANDER)


@once
def test_block_leaves_entries_as_they_are():
    with World() as world:
        # SSH ports are never cut off: somebody on the blacklist can still be noticed there.
        ntc = start(world, "  block: true\n  sweep_hosts: 1\n")
        ntc.add("blacklist", SCANNER, comment="for ever")
        begin = time.monotonic()
        nmap(world, "-sS", "-p22")
        alert = caught(ntc, begin)
        assert (alert["kind"], alert["target"], alert["blocked_until"]) == ("host-sweep", "TCP port 22", None), alert
        entry = ntc.entries("blacklist")[SCANNER]
        assert (entry["comment"], entry["expires"], entry["origin"]) == ("for ever", None, "manual"), entry


# --- who is told


@once
def test_the_bus_is_told():
    with World() as world, PrivateBus(world) as bus:
        ntc = world.start()
        bus.wait_for_name()
        watcher = bus.connect()
        watcher.watch()
        nmap(world, "-sS")
        signal = watcher.signal("Alert")
        [alert] = alerts(ntc)
        assert (signal.interface, signal.body[0], signal.body[1]) == ("org.ntc.Manager", "port-scan", SCANNER), signal
        kinds = {"time": "s", "message": "s", "target": "s", "interface": "s", "ports": "u", "hosts": "u",
                 "packets": "t"}
        assert signal.body[2] == {name: (kind, alert[name]) for name, kind in kinds.items()}, signal
