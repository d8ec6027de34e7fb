# SPDX-License-Identifier: MIT
"""Alerts: real scanners and floods from the peer's namespace, and real traffic that must stay silent."""
import subprocess
import threading
import time

from viewer import Audience, flood, flooded
from world import World, alone, expect, once

SCANNER, BYSTANDER, HOST = "10.77.0.2", "10.77.0.3", "10.77.0.1"
WITHIN = 5.0


def start(world, detect=""):
    """With the interval between scans that is the default, which detection has to be fast enough with."""
    config = world.config(extra=f"detect:\n  scan_ports: 50\n{detect}")
    return world.launch(config.replace("scan_interval_ms: 100", "scan_interval_ms: 1000")).wait_ready()


def alerts(ntc, query=""):
    answer = ntc.request("GET", f"/alerts{query}")
    assert answer.status == 200, answer.text
    return answer.json["alerts"]


def nmap(world, *options, source=SCANNER):
    world.peer.run("nmap", "-n", "-Pn", "-S", source, "-e", "eth0", *options, HOST)


def first_alert(ntc, begin, within=WITHIN):
    """The one alert there is, and that it came in time."""
    expect(lambda: len(alerts(ntc)), 1, within + begin - time.monotonic())
    return alerts(ntc)[0]


def check_port_scan(alert, ports):
    assert (alert["kind"], alert["ip"], alert["target"]) == ("port-scan", SCANNER, HOST), alert
    assert (alert["ports"], alert["hosts"], alert["interface"]) == (ports, 1, "eth0"), alert
    assert alert["blocked_until"] is None, alert
    assert f"{SCANNER} tried" in alert["message"], alert


def scan_is_caught(*options):
    with World() as world:
        ntc = start(world)
        begin = time.monotonic()
        nmap(world, *options)
        alert = first_alert(ntc, begin)
        # 1,000 ports, exact up to 64 and then within 5 %; those that are open are no failure of -sT.
        assert 950 <= alert["ports"] <= 1050, alert
        check_port_scan(alert, alert["ports"])
        # nmap goes on, and it is the same story: nothing more within the cool-down.
        nmap(world, *options)
        time.sleep(3)
        assert len(alerts(ntc)) == 1, alerts(ntc)
        assert ntc.metrics().sum("ntc_alerts_total", kind="port-scan") == 1
        assert ntc.metrics().sum("ntc_alerts_total") == 1


def test_nmap_syn_scan():
    scan_is_caught("-sS")


def test_nmap_connect_scan():
    scan_is_caught("-sT")
