# SPDX-License-Identifier: MIT
"""What the measurements share: the world of the system tests, floods through its cable, CPU time, medians.

A process' cost is its CPU time, not the wall's, and what is compared is measured in turns within one
run, so that whatever else the machine does falls on both sides.
"""
import contextlib
import json
import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))
from waiting import settled  # noqa: E402  (the path comes first)
from world import World  # noqa: E402  (the path comes first)

CPUS = min(os.cpu_count(), 8)
FLOWS = (1, 16, 256, 4096, 16_384, 60_000)  # what the default flows.capacity has room for
median = statistics.median


class Bench:
    """The built programs, and how long to look."""

    def __init__(self, build, quick):
        self.build = pathlib.Path(build).resolve()
        self.rounds = 3 if quick else 7
        self.seconds = 3 if quick else 10
        self.quick = quick
        os.environ["NTC_BINARY"] = str(self.build / "src/ntc")

    def program(self, name):
        return str(self.build / "tests/bench" / name)


def say(text):
    print(f"  {text}", file=sys.stderr, flush=True)


def config(extra="", interfaces='["eth0"]'):
    """The defaults, but for where things are."""
    return (f"server:\n  port: 8086\n  sse_clients_max: 512\n  sse_clients_per_address_max: 512\n"
            f"  connections_max: 1024\n  connections_per_address_max: 1024\n"
            f"network:\n  interfaces: {interfaces}\npersistence:\n  path: lists.json\n{extra}")


def make_lists(folder, entries):
    """The state file of so many blacklisted addresses."""
    ips = [f"198.18.{i >> 8}.{i & 255}" if i < 65536 else f"198.19.{(i >> 8) & 255}.{i & 255}" for i in range(entries)]
    (folder / "lists.json").write_text(json.dumps({
        "format": "ntc-lists", "version": 1, "boot_id": "", "saved": "2026-01-01T00:00:00Z",
        "saved_boottime_ns": "0",
        "blacklist": [{"ip": ip, "added": "2026-01-01T00:00:00Z", "by": "bench", "comment": "", "origin": "manual"}
                      for ip in ips], "whitelist": []}))


def cpu_ns(pid):
    """User and system time of a process with all its threads, from the scheduler's books."""
    return sum(int((task / "schedstat").read_text().split()[0])
               for task in pathlib.Path(f"/proc/{pid}/task").iterdir())


def wakeups(pid):
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", (task / "status").read_text(), re.M)[1])
    return total


def rss_mib(pid):
    return int(re.search(r"^VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1]) / 1024


def percentile(values, p):
    return sorted(values)[min(len(values) - 1, int(len(values) * p / 100))]


def add_cable(world, n):
    """A cable whose host side takes live frames: it needs GRO, and a queue for each CPU that sends."""
    queues = ["numrxqueues", str(CPUS), "numtxqueues", str(CPUS)]
    world.host.ip("link", "add", f"eth{n}", *queues, "type", "veth", "peer", "name", f"eth{n}", *queues,
                  "netns", world.peer.name)
    world.bring_up(n)
    world.host.run("ethtool", "-K", f"eth{n}", "gro", "on")


def spread(values):
    """Between what the median lies with 95 % certainty, by its rank among independent values."""
    ordered = sorted(values)
    low = max(0, int(len(ordered) / 2 - 0.98 * len(ordered) ** 0.5) - 1)
    return [ordered[low], ordered[-1 - low]]


@contextlib.contextmanager
def cable(cables=2):
    """A world with equal cables, of which ntc watches eth0, and nothing that speaks unasked."""
    with World(cables=0) as world:
        world.cables = cables
        for n in range(cables):
            add_cable(world, n)
        world.silence()
        yield world


def flood(bench, world, packets, flows=4096, sources=256, blacklisted=0, rate=0, cpus=CPUS, interface="eth0",
          steered=True):
    """Sends, waits until it has settled, returns what the generator says plus `received`."""
    before = world.host.statistics(interface)["rx"]["packets"]
    command = [bench.program("flood"), "--interface", interface, "--packets", str(packets), "--flows", str(flows),
               "--sources", str(sources), "--blacklisted", str(blacklisted), "--cpus", str(cpus)]
    command += ["--steered"] if steered else []
    sent = json.loads(world.peer.run(*command, *(["--rate", str(rate)] if rate else [])))
    time.sleep(0.05)
    sent["received"] = world.host.statistics(interface)["rx"]["packets"] - before
    return sent


def stream_server(world):
    world.spawn(world.host, "iperf3", "-s", stdout=subprocess.DEVNULL)


def stream(world, interface, streams, seconds):
    """bit/s that arrive at the host."""
    text = world.peer.run("iperf3", "-c", f"10.77.{interface[-1]}.1", "-t", str(seconds), "-P", str(streams), "-J")
    return json.loads(text)["end"]["sum_received"]["bits_per_second"]


@contextlib.contextmanager
def empty_hook(bench, world, *namespaces):
    """An empty program on eth0 of these, both ways."""
    hooks = [world.spawn(namespace, bench.program("floor-hook"), "eth0", stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True) for namespace in namespaces]
    for hook in hooks:
        assert hook.stdout.readline() == "ready\n", "an empty program could not be attached"
    yield
    for hook in hooks:
        hook.stdin.close()
        hook.wait()


class Ready:
    """From exec to READY=1, as a service manager sees it: ms of the wall's time, and of the CPU's."""

    def __init__(self, world):
        self.path = str(world.folder / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(30)

    def launch(self, world, text):
        os.environ["NOTIFY_SOCKET"] = self.path
        began = time.monotonic()
        ntc = world.launch(text)
        del os.environ["NOTIFY_SOCKET"]
        while b"READY=1" not in self.socket.recv(4096):
            pass
        took = (time.monotonic() - began) * 1000
        return ntc, took, cpu_ns(ntc.process.pid) / 1e6
