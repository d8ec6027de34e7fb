# SPDX-License-Identifier: MIT
"""Floods and streams through a veth with and without ntc, in turns."""
import json
import subprocess
import time

from lab import FLOWS, cable, config, cpu_ns, flood, median, say, settled

SHAPES = {  # name: (flows, sources, blacklisted per cent, each flow on one CPU)
    "4096_flows": (4096, 256, 0, True),
    "4096_flows_dropped": (4096, 256, 100, True),
    "random_sources": (4_000_000_000, 4_000_000_000, 0, True),
    "4096_flows_on_all_CPUs": (4096, 256, 0, False),
}
STEADY = 12  # turns long


def one(bench, world, shape, interface, packets):
    flows, sources, blacklisted, steered = shape
    sent = flood(bench, world, packets, flows, sources, blacklisted, interface=interface, steered=steered)
    return sent["received"] / sent["seconds"], sent


def compare(bench, world, ntc, name, shape, packets, rounds):
    """Two equal cables in turns: ntc watches eth0, nobody eth1. Short turns, so that a busy moment of the
    machine falls on both."""
    pairs, received = [], 0
    for _ in range(rounds):
        without, _ = one(bench, world, shape, "eth1", packets)
        with_ntc, sent = one(bench, world, shape, "eth0", packets)
        received += sent["received"]
        pairs.append((without, with_ntc, 1 - with_ntc / without))
    cpu = cpu_ns(ntc.process.pid)
    _, sent = one(bench, world, shape, "eth0", packets * STEADY)
    used = (cpu_ns(ntc.process.pid) - cpu) / 1e9 / sent["seconds"]
    received += sent["received"]
    seen = settled(lambda: ntc.packets(direction="INGRESS"), quiet=2.5) / received
    without, with_ntc, lost = (median(column) for column in zip(*pairs))
    say(f"{name}: {without / 1e6:.2f} -> {with_ntc / 1e6:.2f} Mpps, {lost:.1%} lost, ntc {used:.1%} of a core")
    return {"name": name, "without_pps": without, "with_pps": with_ntc, "seen": seen, "user_space": used, "lost": lost}


def floods(bench):
    rows = []
    with cable() as world:
        for name, shape in SHAPES.items():
            ntc = world.launch(config("stats:\n  addresses_max: 16384\n")).wait_ready()
            if shape[2]:
                ntc.add("blacklist", "198.18.0.0/15")
            ntc.attached()
            rows.append(compare(bench, world, ntc, name, shape, 500_000, 5 if bench.quick else 21))
            ntc.stop()
    return rows


def by_flows(bench):
    """Throughput left by number of flows; of the last, most find no room."""
    rows = []
    with cable() as world:
        for flows in (*FLOWS, 1_000_000):
            ntc = world.launch(config()).wait_ready()
            ntc.attached()
            shape = (flows, max(1, flows // 16), 0, True)
            row = compare(bench, world, ntc, f"{flows:,} flows", shape, 500_000, 5 if bench.quick else 21)
            rows.append({"flows": flows, "left": 1 - row["lost"], "user_space": row["user_space"]})
            ntc.stop()
    return rows


def stream(world, cable_number, streams, seconds):
    text = world.peer.run("iperf3", "-c", f"10.77.{cable_number}.1", "-t", str(seconds), "-P", str(streams), "-J")
    return json.loads(text)["end"]["sum_received"]["bits_per_second"]


def throughput(bench):
    """ntc on both ends of eth0, on none of eth1's."""
    rows = []
    with cable() as world:
        world.spawn(world.host, "iperf3", "-s", stdout=subprocess.DEVNULL)
        ends = [world.launch(config(), namespace=end).wait_ready() for end in (world.host, world.peer)]
        time.sleep(1)
        for streams in (1, 8):
            pairs = [(stream(world, 1, streams, 1), stream(world, 0, streams, 1)) for _ in range(3 * bench.rounds)]
            without, with_ntc = (median(column) for column in zip(*pairs))
            left = median([b / a for a, b in pairs])
            say(f"iperf3, {streams} streams: {left:.3f} left")
            rows.append({"streams": streams, "without_bps": without, "with_bps": with_ntc, "left": left})
        for ntc in ends:
            ntc.stop()
    return rows
