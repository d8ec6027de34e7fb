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


@contextlib.contextmanager
def cable():
    """A world with two equal cables, of which ntc watches eth0, and nothing that speaks unasked."""
    with World(cables=0) as world:
        world.cables = 2
        for n in range(2):
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
