#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""All floods at once, at the rate that the machine gives: spoofed SYNs of IPv4 and IPv6, fragments, millions of
addresses, thousands of connections, viewers; and a scraper, and a user who edits the lists.

    NTC_BINARY=build-test/src/ntc tests/system/test_floods.py --seconds 60    # by hand, as root; prints the figures
"""
import argparse
import json
import os
import pathlib
import select
import socket
import sys
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "bench"))
import lab  # noqa: E402  (the path comes first)
from marks import alone, hard, takes
from namespace import CLONE_NEWNET
from process import libc
from test_access import LISTEN
from test_siege import HOST, HOSTILE, SCRAPER, Timed, after, answer_at_once, besiege
from viewer import REQUEST, flooded
from waiting import expect
from witness import ALL, BEFORE, BLACKLISTED, Witness
from world import World

CABLES = ("eth0", "eth1")  # of the clients, of the floods
FLOWS, SOURCES = 4_000_000_000, 4_000_000  # of each kind of frames
BLACKLISTED_PERCENT = 10
VIEWERS = 80  # more than there is room for
ATTACKERS_NICE = 10  # their processors are elsewhere, in truth; that of the packets isn't
CONFIG = f"""\
server:
  port: 8086
network:
  interfaces: {json.dumps(CABLES)}
persistence:
  path: memory/lists.json
"""
EDIT_MS, METRICS_MS = 50, 100
SLACK = 10
RSS_MIB = 96
NORMAL_SEC = 5
COUNTED_SEC = 5  # so old the counters of an answer may be
UNIT_NICE = -5  # units/ntc.service.in


def start_flood(world, seconds):
    program = pathlib.Path(os.environ["NTC_BINARY"]).parent.parent / "tests/bench/flood"
    return world.spawn(world.peer, str(program), "--interface", "eth1", "--kind", "all", "--flows", str(FLOWS),
                       "--sources", str(SOURCES), "--blacklisted", str(BLACKLISTED_PERCENT), "--cpus", str(lab.CPUS),
                       "--seconds", str(seconds), stdout=-1, text=True)


def watch_for_ever(world):
    """In a process of its own: viewers who read all they are sent, and connect again when they are cut off."""
    os.nice(ATTACKERS_NICE)
    assert libc.setns(world.peer.fd, CLONE_NEWNET) == 0
    poll, viewers = select.epoll(), {}
    while True:
        while len(viewers) < VIEWERS:
            viewer = socket.socket(socket.AF_INET)
            viewer.bind((f"10.77.0.{2 + len(viewers) % 4}", 0))
            viewer.connect((HOST, 8086))
            viewer.sendall(REQUEST.format("").encode())
            viewers[viewer.fileno()] = viewer
            poll.register(viewer.fileno(), select.EPOLLIN)
        for fd, _ in poll.poll(0.2):
            try:
                gone = not viewers[fd].recv(1 << 20)
            except OSError:
                gone = True
            if gone:
                poll.unregister(fd)
                viewers.pop(fd).close()


def percentiles(timed):
    ms = sorted(1000 * seconds for seconds in timed.seconds)
    return {"n": len(ms), **{f"p{p}": round(lab.percentile(ms, p), 1) for p in (50, 95, 99)}, "max": round(ms[-1], 1)}


class TimedLocal(Timed):
    """Over the unix socket, as ntcctl."""

    def __init__(self, path):
        super().__init__(None, "localhost")
        self.path = str(path)

    def connect(self):
        stream = socket.socket(socket.AF_UNIX)
        stream.connect(self.path)
        return stream


def use(world, ntc, over):
    """Users and scrapers, and the control, which does nothing but answer: what it takes longer is the scheduler's."""
    edits, tcp_edits, scrapes, far, control = (
        TimedLocal(world.folder / "http.sock"), Timed(world.host, "127.0.0.1"), Timed(world.host, "127.0.0.1"),
        Timed(world.peer, HOST, SCRAPER), Timed(world.host, "127.0.0.1", port=8087))
    n, rss = 0, []
    while not over():
        for one, address in ((edits, f"203.0.113.{n // 2 % 250}"), (tcp_edits, f"2001:db8::{n // 2 % 250}")):
            if n % 2:
                one.ask("DELETE", f"/blacklist?ip={address.replace(':', '%3A')}")
            else:
                one.ask("POST", "/blacklist", json.dumps({"ip": address}))
        for one in (scrapes, far):
            one.ask("GET", "/metrics")
        for _ in range(2):
            control.ask("GET", "/")
        rss.append(lab.rss_mib(ntc.process.pid))
        n += 1
        time.sleep(0.02)
    return {"edit_ms": percentiles(edits), "edit_over_tcp_ms": percentiles(tcp_edits),
            "metrics_ms": percentiles(scrapes), "metrics_from_lan_ms": percentiles(far),
            "control_ms": percentiles(control), "rss_mib_max": round(max(rss), 1),
            "rss_mib_growth": round(max(rss[len(rss) // 2:]) - max(rss[:len(rss) // 2]), 1)}


class Counts:
    """What the witnesses say, and ntc."""

    def __init__(self, world, ntc):
        self.ntc = ntc
        self.behind = [Witness(world.host, cable) for cable in CABLES]
        self.front = [Witness(world.host, cable, BEFORE) for cable in CABLES]
        self.base = (0, 0, 0, 0)
        time.sleep(0.5)
        self.base = self.read()

    def read(self):
        """(arrived, of them blacklisted, counted, of them dropped), since the beginning"""
        now = tuple(sum(witness.count(which) for witness in self.front) for which in (ALL, BLACKLISTED))
        now += (self.ntc.packets(direction="INGRESS"), self.ntc.packets(direction="INGRESS", action="DROP"))
        return tuple(a - b for a, b in zip(now, self.base))

    def exact(self):
        arrived, blacklisted, counted, dropped = self.read()
        return arrived == counted and blacklisted == dropped

    def through(self):
        """Blacklisted packets that came out behind ntc."""
        return sum(witness.count(BLACKLISTED) for witness in self.behind)


def check_bounds(figures):
    """Half of all within the bound, nearly all within some times as long: ntc shares the processors with the flood."""
    control = figures["control_ms"]
    for name, limit in (("edit_ms", EDIT_MS), ("metrics_ms", METRICS_MS), ("metrics_from_lan_ms", METRICS_MS)):
        for percentile, bound in (("p50", limit), ("p95", SLACK * limit)):
            late = figures[name][percentile] - control[percentile]
            assert late <= bound, f"{name}: {figures[name]}, the control {control}"
    assert figures["rss_mib_max"] <= RSS_MIB, figures


def newcomer_is_followed(world, ntc):
    assert world.udp(world.peer, "10.77.0.3", world.host, HOST, source_port=4711)
    return ntc.request("GET", "/flows?port=4711").json["matched"] == 1


def becomes_normal(world, ntc, counts):
    """How many seconds it took. A newcomer is seen, too, though the table is full of those who were never there."""
    begin = time.monotonic()
    within = lambda: max(0.1, NORMAL_SEC - (time.monotonic() - begin))
    expect(lambda: ntc.metrics().sum("ntc_sse_clients"), 0, within())
    expect(lambda: ntc.metrics().sum("ntc_http_connections") < 10, True, within())
    expect(lambda: newcomer_is_followed(world, ntc), True, within())
    expect(counts.exact, True, within())
    took = time.monotonic() - begin
    check_bounds(use(world, ntc, after(1)))
    return round(took, 2)


def all_at_once(seconds):
    with World() as world:
        world.cables = 2
        lab.add_cable(world, 1)
        world.silence()
        world.no_offload()  # on the clients' cable, so that a frame is a packet
        for address in (SCRAPER, *HOSTILE):
            world.peer.ip("address", "add", f"{address}/24", "dev", "eth0")
        world.mount_tmpfs("memory", "size=16m")  # how long a disk takes is another matter
        ntc = world.launch(CONFIG, program=["nice", "-n", str(UNIT_NICE), sys.executable, "-c", LISTEN,
                                             os.environ["NTC_BINARY"]]).wait_ready()
        for prefix in ("198.18.0.0/15", "2001:db8:bad::/48"):
            ntc.add("blacklist", prefix)
        counts = Counts(world, ntc)
        world.fork(lambda: answer_at_once(world))
        time.sleep(0.2)
        figures = {"quiet": use(world, ntc, after(1))}
        clients = [world.fork(lambda: os.nice(ATTACKERS_NICE) and besiege(world)), world.fork(lambda: watch_for_ever(world))]
        cut = lambda: ntc.metrics().sum("ntc_http_connections_cut_total", reason="room")
        expect(lambda: cut() > 500, True, 20)
        flood = start_flood(world, seconds)
        lag = []

        def over():
            """And how many packets are not in the answers yet."""
            arrived, _, counted, _ = counts.read()
            lag.append(arrived - counted)
            return flood.poll() is not None

        figures["flooded"] = use(world, ntc, over)
        figures["lag_sec_max"] = round(max(lag) / (max(1, counts.read()[0]) / seconds), 2)
        figures["sent"] = flooded(world, flood)
        for client in clients:
            world.end_child(client)
        figures["normal_after_sec"] = becomes_normal(world, ntc, counts)
        arrived, blacklisted, counted, dropped = counts.read()
        metrics = ntc.metrics()
        figures |= {"arrived": arrived, "counted": counted, "blacklisted": blacklisted, "dropped": dropped,
                    "blacklisted_through": counts.through(),
                    "drift": metrics.sum("ntc_accounting_drift_packets"),
                    "untracked": metrics.sum("ntc_flows_untracked_packets_total"),
                    "packets_per_second": round(arrived / seconds)}
        print(json.dumps(figures, indent=2), flush=True)
        assert counts.through() == 0
        assert figures["drift"] <= arrived / 1e6, figures["drift"]
        assert figures["lag_sec_max"] < COUNTED_SEC, "the scans of the flows stood still"
        assert arrived > 500_000 and 1e4 < blacklisted <= figures["sent"]["blacklisted"]
        check_bounds(figures["flooded"])


@hard
@alone
@takes(150)
def test_all_at_once():
    all_at_once(12)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=60)
    all_at_once(parser.parse_args().seconds)
