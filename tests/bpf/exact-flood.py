#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: exact-flood.py NTC FLOOD [--packets N]

Exactness under the fastest rate the machine gives: the real daemon on a veth, in a network namespace
of the test's own, and millions of frames sent to it. To the packet:
  counted by ntc = rx_packets of the interface; sent = received + drops reported; drift 0.
Needs root, and ip, ethtool and unshare.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

PORT = 18086
URL = f"http://127.0.0.1:{PORT}"
BLACKLISTED = "198.18.0.0/15"
SENDING, RECEIVING = "flood0", "watched0"
SETTLE_S = 20

failures = 0


def expect(name, left, right):
    global failures
    ok = left == right
    failures += not ok
    print(f"{'PASS' if ok else 'FAIL'} exact-flood: {name}: {left}" + ("" if ok else f", not {right}"), flush=True)
    return ok


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def set_up_network(cpus):
    run("ip", "link", "set", "lo", "up")
    queues = ["numrxqueues", str(cpus), "numtxqueues", str(cpus)]
    run("ip", "link", "add", SENDING, *queues, "type", "veth", "peer", "name", RECEIVING, *queues)
    for name in SENDING, RECEIVING:
        # Nothing but the flood is to be counted.
        with open(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6", "w", encoding="ascii") as file:
            file.write("1")
        run("ip", "link", "set", name, "up")
    run("ethtool", "-K", RECEIVING, "gro", "on")


def link(name):
    return json.loads(run("ip", "-j", "-s", "link", "show", name))[0]["stats64"]


def reported_drops():
    """What the pair says it lost: a full ring of the receiver."""
    drops = sum(link(RECEIVING)["rx"][key] for key in ("dropped", "errors"))
    for line in run("ethtool", "-S", SENDING).splitlines():
        match = re.match(r"\s*tx_queue_\d+_xdp_xmit_errors: (\d+)", line)
        drops += int(match[1]) if match else 0
    return drops


def call(path, body=None):
    request = urllib.request.Request(URL + path)
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


def metrics():
    """name -> [(labels, value)]"""
    found = {}
    for line in call("/metrics").splitlines():
        match = re.match(r"(\w+)(?:\{(.*)\})? (\S+)$", line)
        if match and not line.startswith("#"):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', match[2] or ""))
            found.setdefault(match[1], []).append((labels, float(match[3])))
    return found


def total(found, name, **wanted):
    return int(sum(value for labels, value in found.get(name, [])
                   if all(labels.get(key) == word for key, word in wanted.items())))


def wait_until(done, seconds):
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def is_up(daemon):
    if daemon.poll() is not None:
        sys.exit(f"exact-flood: ntc ended with status {daemon.returncode}")
    try:
        call("/healthz")
        return True
    except OSError:
        return False


def start_daemon(binary, folder):
    config = os.path.join(folder, "config.yaml")
    with open(config, "w", encoding="ascii") as file:
        file.write(f"server:\n  port: {PORT}\nnetwork:\n  interfaces: [{RECEIVING}]\n"
                   f"persistence:\n  path: {folder}/lists.json\n")
    daemon = subprocess.Popen([binary, "--config", config])
    if not wait_until(lambda: is_up(daemon), SETTLE_S):
        daemon.kill()
        sys.exit("exact-flood: ntc does not answer")
    return daemon


def check_counts(name, before, sent, drift_allowed):
    received = link(RECEIVING)["rx"]["packets"] - before["received"]
    counted = lambda: total(metrics(), "ntc_packets_total", direction="INGRESS") - before["counted"]
    wait_until(lambda: counted() == received, SETTLE_S)
    # Two scans more, so that the self-check has seen all of it.
    time.sleep(2.5)
    now = metrics()
    expect(f"{name}: counted = received", counted(), received)
    expect(f"{name}: sent = received + drops", sent["sent"], received + reported_drops() - before["drops"])
    for metric in "ntc_accounting_drift_packets", "ntc_flows_untracked_packets_total":
        expect(f"{name}: {metric} is exported", metric in now, True)
    drift = max(sent["drift"], total(now, "ntc_accounting_drift_packets"))
    expect(f"{name}: drift at most {drift_allowed}", drift <= drift_allowed, True)
    if received == sent["sent"]:
        dropped = total(now, "ntc_packets_total", direction="INGRESS", action="DROP") - before["blacklisted"]
        expect(f"{name}: blacklisted = DROP", dropped, sent["blacklisted"])
    print(f"     {name}: {sent['packets_per_second']:,.0f} packets/s, "
          f"{total(now, 'ntc_flows_untracked_packets_total')} untracked, drift {drift}", flush=True)


def flood(name, binary, packets, flows, sources, cpus, drift_allowed=0, blacklisted=10):
    found = metrics()
    before = {
        "received": link(RECEIVING)["rx"]["packets"],
        "drops": reported_drops(),
        "counted": total(found, "ntc_packets_total", direction="INGRESS"),
        "blacklisted": total(found, "ntc_packets_total", direction="INGRESS", action="DROP"),
    }
    command = [binary, "--interface", SENDING, "--packets", str(packets), "--flows", str(flows), "--sources",
               str(sources), "--blacklisted", str(blacklisted), "--cpus", str(cpus)]
    drift = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as generator:
        while generator.poll() is None:
            drift = max(drift, total(metrics(), "ntc_accounting_drift_packets"))
            time.sleep(0.1)
        sent = json.loads(generator.stdout.read())
    sent["drift"] = drift  # the worst while it ran
    check_counts(name, before, sent, drift_allowed)


def check_all(arguments, cpus):
    call("/blacklist", {"ip": BLACKLISTED})
    packets = arguments.packets
    flood("many flows", arguments.flood, packets, 20000, 1000, cpus)
    flood("one flow, all CPUs", arguments.flood, packets // 2, 1, 1, cpus, blacklisted=0)
    flood("one CPU", arguments.flood, packets // 5, 500, 50, 1)
    # Early expiry may lose an add that races a delete: at most one packet in a million.
    flood("more flows than there is room", arguments.flood, packets, 300000, 10000, cpus,
          drift_allowed=packets // 1000000)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("ntc")
    parser.add_argument("flood")
    parser.add_argument("--packets", type=int, default=5000000)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not arguments.inside:
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv, "--inside"])

    cpus = min(os.cpu_count(), 8)
    set_up_network(cpus)
    with tempfile.TemporaryDirectory() as folder:
        daemon = start_daemon(arguments.ntc, folder)
        try:
            check_all(arguments, cpus)
        finally:
            daemon.terminate()
            expect("clean stop", daemon.wait(timeout=20), 0)
    print(f"exact-flood: {'ok' if failures == 0 else f'{failures} failed'}")
    sys.exit(1 if failures else 0)


main()
