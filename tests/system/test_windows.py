# SPDX-License-Identifier: MIT
"""Statistics by address: held against a second computation over the same packets, against a wall clock
that jumps, and against more addresses than there is room for."""
import datetime
import re
import time

from clock import TEN_YEARS, WallClock
from marks import alone, long, once
from viewer import Audience, Seen, flood, flooded
from waiting import expect, settled
from world import World

HOST, FRIEND, FOE = "10.77.0.1", "10.77.0.2", "10.77.0.3"
BUCKET = 5.0
SLACK = 1.0  # a scan that comes late, an event's way to us, a time stamp's tick


class Ledger:
    """What the events say, by address: [(time, packets, bytes, dropped, syn, ack, port or None)]"""

    def __init__(self, events):
        offset = time.time() - time.monotonic()
        self.entries = {}
        for event in events:
            moment = datetime.datetime.fromisoformat(event["ts"].replace("Z", "+00:00")).timestamp() - offset
            packets = event["packets"]
            dropped = packets if event["action"] == "DROP" else 0
            flags = event["flags"] if event["proto"] == "TCP" else ""
            syn, ack = ("S" in flags) * packets, ("A" in flags) * packets
            sizes = (moment, packets, event["len"], dropped)
            self.entries.setdefault(event["src"], []).append((*sizes, syn, ack, event["dport"] or None))
            self.entries.setdefault(event["dst"], []).append((*sizes, 0, 0, None))

    def sums(self, address, begin, end):
        inside = [entry for entry in self.entries.get(address, []) if begin <= entry[0] <= end]
        ports = {entry[6] for entry in inside if entry[6]}
        return [sum(entry[column] for entry in inside) for column in range(1, 6)] + [len(ports)]


def compare(ledger, talkers, asked, start):
    """Holds each talker against what happened between the window's beginning and `asked`. What fell
    within SLACK of either end may have been counted or not. Returns how many were compared."""
    edge = (asked // BUCKET - 11) * BUCKET
    for talker in talkers:
        low = ledger.sums(talker["ip"], edge + SLACK, asked - SLACK)
        high = ledger.sums(talker["ip"], edge - SLACK, asked + SLACK)
        found = [talker[name] for name in ("packets", "bytes", "dropped_packets", "syn_count", "ack_count",
                                           "unique_dst_ports")]
        if high[5] > 64:  # a sketch
            low[5], high[5] = 0.95 * low[5], 1.05 * high[5]
        assert all(a <= b <= c for a, b, c in zip(low, found, high)), (talker["ip"], low, found, high)
        length = max(1.0, min(asked - edge, asked - start))
        for rate, total in ((talker["packets_per_second"], talker["packets"]),
                            (talker["bytes_per_second"], talker["bytes"])):
            assert abs(rate - total / length) <= 0.01 + rate * SLACK / length, (talker, length)
    return len(talkers)


@once
@long
def test_against_a_second_computation():
    """Synthetic traffic of more than a window's length, with a port scan and a SYN flood in it."""
    with World() as world:
        ntc = world.launch(world.config(extra="mock:\n  rate: 400\n  seed: 77\nevents:\n  budget: 20000\n"
                                              "  drop_budget: 20000\n"), ["--mock"])
        start = time.monotonic()
        ntc.wait_ready()
        ntc.add("blacklist", "203.0.113.7")
        with Audience() as audience:
            viewer = audience.add(world, ntc)
            joined = time.monotonic()
            asked = []
            for at in (12, 31, 62, 66, 70):
                time.sleep(max(0, start + at - time.monotonic()))
                answer = ntc.request("GET", "/talkers?limit=1000").json
                asked.append((time.monotonic(), answer["talkers"]))
            time.sleep(SLACK)
            seen = Seen(viewer)
            assert viewer.body().count(b"\n:\n\n") >= 3, "a heartbeat every 15 s"
            assert seen.gaps == [] or sum(seen.gaps) < 100, "the ledger is incomplete"
            ledger = Ledger(seen.events)
            compared = 0
            for moment, talkers in asked:
                if (moment // BUCKET - 11) * BUCKET > joined:
                    compared += compare(ledger, talkers, moment, start)
                else:  # what was before we looked is missing in the ledger
                    for talker in talkers:
                        assert talker["packets"] >= ledger.sums(talker["ip"], joined, moment - SLACK)[0]
            ports = max(talker["unique_dst_ports"] for _, talkers in asked[2:] for talker in talkers)
            dropped = sum(talker["dropped_packets"] for talker in asked[-1][1])
            print(f"{len(seen.events)} events, {compared} comparisons, up to {ports} ports")
            assert compared > 100 and ports > 64 and dropped > 0
        assert ntc.metrics().sum("ntc_accounting_drift_packets") == 0


def test_real_packets_to_the_packet():
    with World() as world:
        ntc = world.start()
        ntc.add("blacklist", FOE)
        for port in range(9000, 9100):
            world.udp(world.peer, FRIEND, world.host, HOST, port)
        for _ in range(3):
            world.udp(world.peer, FOE, world.host, HOST)
        assert world.tcp(world.peer, FRIEND, world.host, HOST, 9000)

        def talkers():
            return {t["ip"]: t for t in ntc.request("GET", "/talkers?limit=100").json["talkers"]}

        expect(lambda: talkers().get(FOE, {}).get("dropped_packets"), 3)
        settled(lambda: talkers()[FRIEND]["packets"])
        friend, foe = talkers()[FRIEND], talkers()[FOE]
        assert (foe["packets"], foe["unique_dst_ports"], foe["syn_count"]) == (3, 1, 0), foe
        assert friend["syn_count"] == 1 and friend["dropped_packets"] == 0, friend
        assert 95 <= friend["unique_dst_ports"] <= 105, friend
        udp = sum(flow["packets"] for flow in ntc.flows() if flow["src"] == FRIEND and flow["proto"] == "UDP")
        tcp = sum(flow["packets"] for flow in ntc.flows() if FRIEND in (flow["src"], flow["dst"])
                  and flow["proto"] == "TCP")
        assert udp == 100 and friend["packets"] >= udp + tcp - 8, (udp, tcp, friend)


@once
def test_wall_clock_that_jumps():
    with World() as world:
        clock = WallClock(world)
        ntc = world.launch(world.config(), program=clock.program).wait_ready()
        ntc.add("blacklist", FOE, ttl=3600)
        with world.listen(world.host, HOST, 9000) as listener:
            near = world.connect(world.peer, FRIEND, HOST, 9000, 5005)
            far, _ = listener.accept()

        def state():
            """What must not change: flows, statistics, lists."""
            flows = [flow["packets"] for flow in ntc.flows() if flow["sport"] == 5005]
            talkers = ntc.request("GET", "/talkers?limit=100").json["talkers"]
            syn = [t["syn_count"] for t in talkers if t["ip"] == FRIEND]
            return flows, syn, sorted(ntc.entries("blacklist"))

        year = lambda: datetime.datetime.fromisoformat(
            [flow for flow in ntc.flows() if flow["sport"] == 5005][0]["last_seen"].replace("Z", "+00:00")).year
        before = settled(state)
        this_year = year()
        assert before[0] and before[1] == [1] and before[2] == [FOE], before
        for seconds, years in ((-TEN_YEARS, -10), (TEN_YEARS, 10), (0, 0)):
            clock.set(seconds)
            expect(lambda: abs(year() - this_year - years) <= 1, True)
            time.sleep(0.4)
            assert state() == before, (seconds, state(), before)
            assert not world.udp(world.peer, FOE, world.host, HOST)
        # The time limit is of true time.
        begin = time.monotonic()
        ntc.add("blacklist", "10.77.0.4", ttl=2)
        clock.set(-TEN_YEARS)
        expect(lambda: "10.77.0.4" in ntc.entries("blacklist"), False, 6)
        assert time.monotonic() - begin > 1.9
        near.close()
        far.close()
        # In the same boot another process believes the boot clock, too.
        clock.set(TEN_YEARS)
        ntc.stop()
        ntc = world.launch(world.config(), program=clock.program).wait_ready()
        assert list(ntc.entries("blacklist")) == [FOE]
        assert ntc.metrics().sum("ntc_accounting_drift_packets") == 0


def resident(ntc):
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{ntc.process.pid}/status").read())[1])


@once
@alone
def test_more_addresses_than_there_is_room_for():
    """100,000 distinct ones, then a million: memory is bounded, the rest counted."""
    with World() as world:
        ntc = world.start()
        begin = resident(ntc)
        first = flooded(world, flood(world, 400_000, "--sources", "100000", "--flows", "100000"))
        expect(lambda: ntc.packets(proto="UDP"), first["sent"], 10)
        full = resident(ntc)
        second = flooded(world, flood(world, 6_000_000, "--sources", "1000000", "--flows", "1000000"))
        expect(lambda: ntc.packets(proto="UDP"), first["sent"] + second["sent"], 10)
        settled(lambda: ntc.metrics().sum("ntc_packets_total"))
        after = resident(ntc)
        metrics = ntc.metrics()
        print(f"{begin} kB at start, {full} after 100,000 addresses, {after} after a million more; "
              f"{metrics.sum('ntc_active_ips')} addresses, {metrics.sum('ntc_active_flows')} flows")
        assert metrics.sum("ntc_active_ips") <= 16384
        assert metrics.sum("ntc_active_flows") <= metrics.sum("ntc_flows_capacity")
        assert metrics.sum("ntc_flows_untracked_packets_total") > 0
        assert metrics.sum("ntc_addresses_untracked_packets_total") > 0
        assert after < 128 * 1024 and after - full < 16 * 1024
        drift = metrics.sum("ntc_accounting_drift_packets")
        assert drift <= 1e-6 * metrics.sum("ntc_packets_total") + 1, drift
        # And it serves as before.
        ntc.add("blacklist", FOE)
        assert not world.udp(world.peer, FOE, world.host, HOST)
        assert len(ntc.request("GET", "/talkers?limit=1000").json["talkers"]) == 1000
