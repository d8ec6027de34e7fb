# SPDX-License-Identifier: MIT
"""The live stream: what it shows and what it says it did not show are all there was."""
import os
import socket
import time

from marks import alone, once
from viewer import Audience, Seen, flood, flooded
from waiting import expect, settled
from world import World

HOST, FRIEND, FOE = "10.77.0.1", "10.77.0.2", "10.77.0.3"
BLACKLISTED = "198.18.0.0/15"
BUDGET, DROP_BUDGET = 2000, 500


def counted(ntc):
    """What a viewer should hear of: all but frames that are not IP."""
    metrics = ntc.metrics()
    return metrics.sum("ntc_packets_total") - metrics.sum("ntc_packets_total", proto="NONIP")


def send(world, count, pause=0.0):
    with world.peer.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.bind((FRIEND, 5005))
        for _ in range(count):
            out.sendto(b"seen", (HOST, 9000))
            time.sleep(pause)


def test_every_packet_is_shown():
    with World() as world:
        ntc = world.start()
        send(world, 50)  # before anybody looks
        with Audience() as audience:
            viewer = audience.add(world, ntc)
            before = settled(lambda: counted(ntc))
            send(world, 100, 0.001)
            world.ping(world.peer, FRIEND, HOST)
            expect(lambda: b"EGRESS" in viewer.received, True)
            total = settled(lambda: counted(ntc)) - before
            seen = Seen(viewer)
            assert [e["packets"] for e in seen.events if e["sport"] == 5005] == [1] * 100, seen.events
            assert seen.packets >= total >= 102
            event = next(e for e in seen.events if e["sport"] == 5005)
            assert (event["src"], event["dst"], event["dport"], event["proto"], event["action"],
                    event["direction"], event["interface"]) == \
                (FRIEND, HOST, 9000, "UDP", "PASS", "INGRESS", "eth0"), event
        expect(lambda: ntc.metrics().sum("ntc_events_lost_total"), 0)


def test_within_50_ms():
    with World() as world:
        ntc = world.start()
        with Audience() as audience:
            viewer = audience.add(world, ntc)
            delays = []
            for n in range(20):
                have = len(viewer.received)
                begin = time.monotonic()
                send(world, 1)
                expect(lambda: viewer.received.find(b"UDP", have) >= 0, True)
                delays.append(time.monotonic() - begin)
                time.sleep(0.07)
            print("delays", [f"{1000 * delay:.0f}" for delay in sorted(delays)])
            assert sorted(delays)[15] < 0.15, delays  # 50 ms, and what other tests take


def test_nobody_looks_nothing_is_sent():
    with World() as world:
        ntc = world.start()
        shown = lambda: ntc.metrics().sum("ntc_events_suppressed_total")
        send(world, 3000)
        assert shown() == 0
        with Audience() as audience:
            audience.add(world, ntc)
            send(world, 3000)
            expect(lambda: shown() > 0, True)
        time.sleep(0.3)
        # The kernel is told at once that nobody looks any more; the server sees it with the next event.
        send(world, 100, 0.001)
        before = settled(shown)
        send(world, 3000)
        assert settled(shown) == before


def scanned(ntc, times=1):
    """What is counted once so many further scans are through. Only under load: no scan shows but by numbers."""
    for _ in range(times):
        last = counted(ntc)
        expect(lambda: counted(ntc) > last, True)
    return counted(ntc)


@once
@alone
def test_flood():
    """A viewer from the first packet on, and one that comes when the flood is on."""
    with World() as world:
        world.silence()
        ntc = world.start()
        ntc.add("blacklist", BLACKLISTED)
        with Audience() as audience:
            before = settled(lambda: counted(ntc))
            first = audience.add(world, ntc)
            child = flood(world, 12_000_000, "--blacklisted", "20")
            expect(lambda: counted(ntc) > before + 1_000_000, True)
            low = counted(ntc)
            scanned(ntc)
            second = audience.add(world, ntc)
            high = scanned(ntc, 2)  # the first of them may have begun before
            result = flooded(world, child)
            after = settled(lambda: counted(ntc))
            expect(lambda: Seen(first).packets, after - before)
            seen, late = Seen(first), Seen(second)
        seconds = result["seconds"]
        shown, dropped = len(seen.events) - len(seen.of("DROP")), len(seen.of("DROP"))
        print(f"{result['packets_per_second'] / 1e6:.2f} Mpps for {seconds:.1f} s, counted {after - before}; "
              f"shown {shown / seconds:.0f}/s and {dropped / seconds:.0f} drops/s, gaps {sum(seen.gaps)}; "
              f"late viewer {late.packets} of {after - high} to {after - low}")
        assert high < after, "the late viewer came too late"
        assert after - high <= late.packets <= after - low
        assert seen.ids == list(range(seen.ids[0], seen.ids[0] + len(seen.ids))), "a number for each"
        # Some packets aside that came before or after the flood.
        assert 0.5 * BUDGET < shown / seconds < 1.05 * BUDGET + 20
        assert 0.5 * DROP_BUDGET < dropped / seconds < 1.05 * DROP_BUDGET + 20
        assert {e["src"].rpartition(".")[0][:7] for e in seen.of("DROP")} <= {"198.18.", "198.19."}
        metrics = ntc.metrics()
        assert metrics.sum("ntc_accounting_drift_packets") == 0
        assert metrics.sum("ntc_events_lost_total") == 0


def parting(viewer, other):
    """Where what they were told begins to differ, heartbeats aside, which go to whoever waits at the time."""
    one, two = (v.body().replace(b":\n\n", b"") for v in (viewer, other))
    if one == two:
        return None
    at = len(os.path.commonprefix([one, two]))
    return f"at {at} of {len(one)} and {len(two)} bytes: {one[at - 60:at + 60]} and {two[at - 60:at + 60]}"


@once
@alone
def test_20_viewers_of_whom_3_never_read():
    with World() as world:
        world.silence()
        several = "server:\n  sse_clients_per_address_max: 20\n"
        ntc = world.launch(world.config().replace("server:\n", several, 1)).wait_ready()
        ntc.add("blacklist", BLACKLISTED)
        slow = lambda: ntc.metrics().sum("ntc_sse_disconnected_total", reason="slow")
        with Audience() as audience:
            before = settled(lambda: counted(ntc))
            for n in range(20):
                audience.add(world, ntc, read=n not in (3, 11, 19))
            # How long the kernel takes what they do not read depends on the rate: until it takes no more.
            rates = []
            while len(rates) < 10 and slow() < 3:
                rates.append(flooded(world, flood(world, 4_000_000, "--blacklisted", "20"))["packets_per_second"])
            after = settled(lambda: counted(ntc))
            assert slow() == 3, f"{slow()} cut off after {len(rates)} floods"
            # All the others were told the same, and all of it.
            first = audience.viewers[0]
            expect(lambda: Seen(first).packets, after - before)
            expect(lambda: [text for viewer in audience.viewers if (text := parting(viewer, first))], [])
            assert not any(viewer.ended for viewer in audience.viewers)
            seen = Seen(first)
            assert seen.ids == list(range(seen.ids[0], seen.ids[-1] + 1))
            assert ntc.metrics().sum("ntc_sse_disconnected_total", reason="client") == 0
            print(f"{min(rates) / 1e6:.2f} Mpps, {len(rates)} floods, {len(seen.events)} events each")
