# SPDX-License-Identifier: MIT
"""Interfaces that come, go, change name and move while ntc runs; and default routes that do."""
import contextlib
import os
import random
import re
import signal
import socket
import time

from kernel import (TCX_EGRESS, TCX_INGRESS, TCX_NEXT, CountingProgram, detach_links, replace_programs,
                    tcx_programs)
from marks import once
from waiting import expect
from world import World

HOST, FRIEND, FOE = "10.77.0.1", "10.77.0.2", "10.77.0.3"
WITHIN = 1.0


def attached(ntc):
    """{interface: directions}, of those that ntc watches or wants to."""
    found = {}
    for name, labels, value in ntc.metrics().samples:
        if name == "ntc_attached":
            found[labels["interface"]] = found.get(labels["interface"], 0) + int(value)
    return found


def watches(ntc, *names, within=WITHIN):
    expect(lambda: attached(ntc), {name: 2 for name in names}, within)


def plug(world, name, address=None):
    """A cable of its own; its far end is called the same."""
    world.host.ip("link", "add", name, "type", "veth", "peer", "name", name, "netns", world.peer.name)
    if address:
        world.host.ip("address", "add", f"{address}.1/24", "dev", name)
        world.peer.ip("address", "add", f"{address}.2/24", "dev", name)
    for namespace in (world.host, world.peer):
        namespace.ip("link", "set", name, "up")


def judges(world, ntc, address):
    """A foe behind that cable gets nowhere."""
    ntc.add("blacklist", f"{address}.2")
    try:
        return not world.udp(world.peer, f"{address}.2", world.host, f"{address}.1")
    finally:
        ntc.remove("blacklist", f"{address}.2")


def test_interface_appears_and_goes():
    with World() as world:
        ntc = world.start(interfaces=["eth*"])
        watches(ntc, "eth0")
        plug(world, "eth7", "10.78.0")
        watches(ntc, "eth0", "eth7")
        assert judges(world, ntc, "10.78.0")
        plug(world, "other0")
        world.host.ip("link", "delete", "eth7")
        watches(ntc, "eth0")
        log = ntc.log_path.read_text()
        assert "Watching eth7" in log and "No longer watching eth7" in log and "other0" not in log, log


def test_rename_keeps_the_attachment():
    with World() as world:
        ntc = world.start(interfaces=["eth*", "lan*"])
        ntc.add("blacklist", FOE)
        assert world.udp(world.peer, FRIEND, world.host, HOST, source_port=5005)
        world.host.ip("link", "set", "eth0", "down")
        world.host.ip("link", "set", "eth0", "name", "lan0")
        world.host.ip("link", "set", "lan0", "up")
        watches(ntc, "lan0")
        assert not world.udp(world.peer, FOE, world.host, HOST)
        expect(lambda: {flow["interface"] for flow in ntc.flows() if flow["sport"] == 5005}, {"lan0"})
        assert "No longer" not in ntc.log_path.read_text()
        world.host.ip("link", "set", "lan0", "down")
        world.host.ip("link", "set", "lan0", "name", "dmz0")
        watches(ntc)
        world.host.ip("link", "set", "dmz0", "name", "eth0")
        watches(ntc, "eth0")


def away_and_back(world, name, wait=0.0):
    """As a container's interface that is given and taken back: its index stays."""
    world.host.ip("link", "set", name, "netns", world.peer.name, "name", "visitor")
    time.sleep(wait)
    world.peer.ip("link", "set", "visitor", "netns", world.host.name, "name", name)
    world.host.ip("link", "set", name, "up")


def test_moves_to_another_namespace_and_back():
    with World() as world:
        plug(world, "eth7", "10.78.0")
        ntc = world.start(interfaces=["eth*"])
        for wait in (0.5, 0, 0.02, 0.05):
            away_and_back(world, "eth7", wait)
            watches(ntc, "eth0", "eth7")
            world.host.ip("address", "replace", "10.78.0.1/24", "dev", "eth7")
            assert judges(world, ntc, "10.78.0")


def test_messages_lost():
    """What happens while the daemon can't listen, and is more than the socket holds, is found out."""
    with World() as world:
        for name in ("eth5", "eth6", "eth7", "other0"):
            plug(world, name, "10.78.0" if name == "eth7" else None)
        ntc = world.start(interfaces=["eth*"])
        watches(ntc, "eth0", "eth5", "eth6", "eth7")
        ntc.signal(signal.SIGSTOP)
        batch = world.folder / "batch"
        batch.write_text("link set other0 down\nlink set other0 up\n" * 2000)
        world.host.ip("-batch", str(batch))
        away_and_back(world, "eth7")
        world.host.ip("link", "delete", "eth6")
        plug(world, "eth6")
        world.host.ip("link", "set", "eth5", "down")
        world.host.ip("link", "set", "eth5", "name", "eth9")
        world.host.ip("address", "replace", "10.78.0.1/24", "dev", "eth7")
        ntc.signal(signal.SIGCONT)
        watches(ntc, "eth0", "eth6", "eth7", "eth9")
        assert judges(world, ntc, "10.78.0")


def test_auto_follows_the_default_route():
    with World(cables=2) as world:
        world.host.ip("route", "add", "default", "via", "10.77.0.2")
        ntc = world.start(interfaces=["auto"])
        watches(ntc, "eth0")
        world.host.ip("route", "replace", "default", "via", "10.77.1.2")
        watches(ntc, "eth1")
        # A second one of another family; several ways in one.
        world.host.ip("-6", "route", "add", "default", "via", "fd77:0::2")
        watches(ntc, "eth0", "eth1")
        world.host.ip("-6", "route", "delete", "default")
        watches(ntc, "eth1")
        world.host.ip("route", "replace", "default", "nexthop", "via", "10.77.0.2", "nexthop", "via", "10.77.1.2")
        watches(ntc, "eth0", "eth1")
        world.host.ip("route", "replace", "default", "via", "10.77.0.2")
        watches(ntc, "eth0")
        # Without any the last one stays: the link may only be down for a moment.
        world.host.ip("link", "set", "eth0", "down")
        assert "default" not in world.host.ip("route")
        time.sleep(0.3)
        watches(ntc, "eth0")
        world.host.ip("route", "add", "default", "via", "10.77.1.2")
        watches(ntc, "eth1")
        # Another table is another matter.
        world.host.ip("link", "set", "eth0", "up")
        world.host.ip("route", "add", "default", "via", "10.77.0.2", "table", "100")
        time.sleep(0.3)
        watches(ntc, "eth1")


def test_reload_changes_the_interfaces():
    with World(cables=2) as world:
        ntc = world.start(interfaces=["eth0"])
        watches(ntc, "eth0")
        ntc.config_path.write_text(world.config(interfaces=["eth1"]))
        ntc.signal(signal.SIGHUP)
        watches(ntc, "eth1")
        ntc.config_path.write_text(world.config(interfaces=["wlan0"]))
        ntc.signal(signal.SIGHUP)
        watches(ntc)
        assert "nothing is watched" in ntc.log_path.read_text()
        plug(world, "wlan0")
        watches(ntc, "wlan0")


def test_packets_counted_twice_are_warned_of():
    with World() as world:
        plug(world, "eth7")
        world.host.ip("link", "add", "br0", "type", "bridge")
        world.host.ip("link", "set", "br0", "up")
        ntc = world.start(interfaces=["*"])
        log = lambda: ntc.log_path.read_text()
        assert "counted twice" not in log(), log()
        world.host.ip("link", "set", "eth7", "master", "br0")
        expect(lambda: "eth7 also pass br0" in log(), True)
        world.host.ip("link", "add", "mac0", "link", "eth0", "type", "macvlan", "mode", "bridge")
        expect(lambda: "mac0 also pass eth0" in log(), True)
        world.host.ip("link", "add", "pair0", "type", "veth", "peer", "name", "pair1")
        expect(lambda: len(re.findall(r"pair\d also pass pair\d", log())), 1)
        world.host.ip("link", "set", "eth7", "nomaster")
        time.sleep(0.2)
        watches(ntc, "lo", "eth0", "eth7", "br0", "mac0", "pair0", "pair1")
        assert log().count("counted twice") == 3, log()
        assert "No longer" not in log(), log()


@once
def test_taken_away_by_somebody_else():
    """The kernel sends no message of that: it is found by asking."""
    with World() as world:
        ntc = world.start()
        ntc.add("blacklist", FOE)
        for turn, hook in enumerate((TCX_INGRESS, TCX_EGRESS), 2):
            assert detach_links(world.host, "eth0", hook) == 1
            expect(lambda: ntc.log_path.read_text().count("Watching eth0"), turn, 8)
            watches(ntc, "eth0")
            assert tcx_programs(world.host, "eth0", TCX_INGRESS) == ["ntc_ingress"]
            assert tcx_programs(world.host, "eth0", TCX_EGRESS) == ["ntc_egress"]
            assert not world.udp(world.peer, FOE, world.host, HOST)


@once
def test_replaced_by_somebody_else():
    """Another program stands behind ntc's own link: that is found, too, and ntc comes back."""
    with World() as world:
        ntc = world.start()
        ntc.add("blacklist", FOE)
        foreign = CountingProgram(TCX_NEXT)
        assert replace_programs(world.host, "eth0", TCX_INGRESS, foreign) == 1
        assert tcx_programs(world.host, "eth0", TCX_INGRESS) == ["foreign"]
        assert world.udp(world.peer, FOE, world.host, HOST), "the other one lets it pass"
        expect(lambda: tcx_programs(world.host, "eth0", TCX_INGRESS), ["ntc_ingress"], 8)
        watches(ntc, "eth0")
        assert not world.udp(world.peer, FOE, world.host, HOST)
        log = ntc.log_path.read_text()
        assert "No longer watching eth0" in log and log.count("Watching eth0") == 2, log
        foreign.close()


@once
def test_more_interfaces_than_can_be_watched():
    with World() as world:
        ntc = world.start(interfaces=["*"])
        batch = world.folder / "batch"
        batch.write_text("".join(f"link add v{n}a type veth peer name v{n}b\n" for n in range(33)))
        world.host.ip("-batch", str(batch))
        expect(lambda: len(attached(ntc)), 68, 3)
        watched = sum(1 for directions in attached(ntc).values() if directions == 2)
        assert watched >= 64
        log = ntc.log_path.read_text()
        assert log.count("Could not attach") == (0 if watched == 68 else 1), log
        world.host.ip("link", "delete", "v0a")
        expect(lambda: sum(1 for directions in attached(ntc).values() if directions == 2),
               min(watched, 66), 4)


def test_own_address_is_protected_once_it_is_there():
    with World() as world:
        ntc = world.start()
        world.host.ip("address", "add", "10.99.0.1/24", "dev", "eth0")
        time.sleep(1.2)
        answer = ntc.request("POST", "/blacklist", {"ip": "10.99.0.1"})
        assert answer.status != 200 and answer.json["error"] == "protected", answer.text


def resources(ntc):
    """fds (sockets but for netlink aside: HTTP's come and go), bpf links, resident kB"""
    folder = f"/proc/{ntc.process.pid}/"
    fds = []
    for fd in os.listdir(folder + "fd"):
        with contextlib.suppress(FileNotFoundError):
            fds.append(os.readlink(folder + f"fd/{fd}"))
    fds = [fd for fd in fds if not fd.startswith("socket:")] + [
        line for line in open(folder + "net/netlink").readlines() if line.split()[2] == str(ntc.process.pid)]
    resident = int(re.search(r"VmRSS:\s+(\d+)", open(folder + "status").read())[1])
    return len(fds), sum("bpf_link" in fd for fd in fds), resident


def disturb(world, turn):
    """One of the things that happen to eth7. Afterwards it is there, and up."""
    kind = ("deleted", "renamed", "down and up", "away and back")[turn % 4]
    if kind == "deleted":
        world.host.ip("link", "delete", "eth7")
        time.sleep(random.choice((0, 0, 0.06)))
        plug(world, "eth7", "10.78.0")
    elif kind == "renamed":
        world.host.ip("link", "set", "eth7", "down")
        world.host.ip("link", "set", "eth7", "name", "odd0")
        time.sleep(random.choice((0, 0.06)))
        world.host.ip("link", "set", "odd0", "name", "eth7")
        world.host.ip("link", "set", "eth7", "up")
    elif kind == "down and up":
        world.host.ip("link", "set", "eth7", "down")
        world.host.ip("link", "set", "eth7", "up")
    else:
        away_and_back(world, "eth7", random.choice((0, 0.06)))
        world.host.ip("address", "replace", "10.78.0.1/24", "dev", "eth7")
    return kind


@once
def test_200_changes_under_traffic():
    with World() as world:
        plug(world, "eth7", "10.78.0")
        ntc = world.start(interfaces=["eth*"])
        ntc.add("blacklist", FOE)
        watches(ntc, "eth0", "eth7")

        def blast(source, target):
            with world.peer.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
                out.bind((source, 0))
                while True:
                    with contextlib.suppress(OSError):
                        out.sendto(b"load", (target, 9000))
                    time.sleep(0.0005)

        receiver = world.host.socket(socket.AF_INET, socket.SOCK_DGRAM)
        receiver.setblocking(False)
        receiver.bind((HOST, 9000))
        for source, target in ((FRIEND, HOST), (FOE, HOST), ("", "10.78.0.1")):
            world.fork(lambda: blast(source, target))
        dropped = lambda: ntc.metrics().sum("ntc_list_hits_total", list="blacklist")
        through = set()  # who got through eth0, which nobody touches
        worst = {}
        for turn in range(200):
            if turn == 40:
                before = resources(ntc)
            kind = disturb(world, turn)
            begin = time.monotonic()
            watches(ntc, "eth0", "eth7")
            worst[kind] = max(worst.get(kind, 0), time.monotonic() - begin)
            with contextlib.suppress(BlockingIOError):
                while True:
                    through.add(receiver.recvfrom(64)[1][0])
        assert through == {FRIEND} and dropped() > 1000, (through, dropped())
        receiver.close()
        assert judges(world, ntc, "10.78.0")
        after = resources(ntc)
        print("attached after", {kind: f"{1000 * seconds:.0f} ms" for kind, seconds in worst.items()},
              f"fds, links, kB: {before} -> {after}")
        assert after[:2] == before[:2], (before, after)
        assert after[2] - before[2] < 2048, (before, after)
        log = ntc.log_path.read_text()
        assert "No longer watching eth0" not in log, "the others are left alone"
        assert ntc.metrics().sum("ntc_accounting_drift_packets") == 0
