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
PACKETS = 2_000_000  # a turn: most of a second, and so a scan in nearly each
STEADY = 10  # turns long, and so ten scans at least


def one(bench, world, shape, interface, packets):
    flows, sources, blacklisted, steered = shape
    sent = flood(bench, world, packets, flows, sources, blacklisted, interface=interface, steered=steered)
    return sent["received"] / sent["seconds"], sent


def in_turns(rounds, measure):
    """[(without, with ntc)]: measure("eth1"), measure("eth0"), and every second time the other way round."""
    pairs = []
    for turn in range(rounds):
        got = {interface: measure(interface) for interface in (("eth1", "eth0"), ("eth0", "eth1"))[turn % 2]}
        pairs.append((got["eth1"], got["eth0"]))
    return pairs


def compare(bench, world, ntc, name, shape, packets, rounds):
    """Two equal cables in turns: ntc watches eth0, nobody eth1. Short turns, so that a busy moment of the
    machine falls on both."""
    turns = in_turns(rounds, lambda interface: one(bench, world, shape, interface, packets))
    received = sum(sent["received"] for _, (_, sent) in turns)
    pairs = [(without, with_ntc, 1 - with_ntc / without) for (without, _), (with_ntc, _) in turns]
    cpu = cpu_ns(ntc.process.pid)
    _, sent = one(bench, world, shape, "eth0", packets * STEADY)
    used = (cpu_ns(ntc.process.pid) - cpu) / 1e9 / sent["seconds"]
    received += sent["received"]
    seen = settled(lambda: ntc.packets(direction="INGRESS"), quiet=2.5) / received
    without, with_ntc, lost = (median(column) for column in zip(*pairs))
    say(f"{name}: {without / 1e6:.2f} -> {with_ntc / 1e6:.2f} Mpps, {lost:.1%} lost, ntc {used:.1%} of a core")
    return {"name": name, "without_pps": without, "with_pps": with_ntc, "seen": seen, "user_space": used, "lost": lost}


def rounds_of(bench):
    return 5 if bench.quick else 21


def empty_program(bench, world):
    """What a program that does nothing costs on the hook: the floor of the others."""
    hook = world.spawn(world.host, bench.program("floor-hook"), "eth0", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert hook.stdout.readline() == "ready\n", "an empty program could not be attached"
    shape = SHAPES["4096_flows"]
    turns = in_turns(rounds_of(bench), lambda interface: one(bench, world, shape, interface, PACKETS)[0])
    hook.stdin.close()
    hook.wait()
    lost = median([1 - with_it / without for without, with_it in turns])
    say(f"an empty program: {lost:.1%} lost")
    return {"name": "empty_program", "lost": lost}


def floods(bench):
    rows = []
    with cable() as world:
        floor = empty_program(bench, world)
        for name, shape in SHAPES.items():
            ntc = world.launch(config("stats:\n  addresses_max: 16384\n")).wait_ready()
            if shape[2]:
                ntc.add("blacklist", "198.18.0.0/15")
            ntc.attached()
            rows.append(compare(bench, world, ntc, name, shape, PACKETS, rounds_of(bench)))
            ntc.stop()
    return [rows[0], floor, *rows[1:]]


def by_flows(bench):
    """Throughput left by number of flows; of the last, most find no room."""
    rows = []
    with cable() as world:
        for flows in (*FLOWS, 1_000_000):
            ntc = world.launch(config()).wait_ready()
            ntc.attached()
            shape = (flows, max(1, flows // 16), 0, True)
            row = compare(bench, world, ntc, f"{flows:,} flows", shape, PACKETS, 5 if bench.quick else 11)
            rows.append({"flows": flows, "left": 1 - row["lost"], "user_space": row["user_space"]})
            ntc.stop()
    return rows


def stream(world, interface, streams, seconds):
    text = world.peer.run("iperf3", "-c", f"10.77.{interface[-1]}.1", "-t", str(seconds), "-P", str(streams), "-J")
    return json.loads(text)["end"]["sum_received"]["bits_per_second"]


def throughput(bench):
    """ntc on both ends of eth0, on none of eth1's."""
    rows = []
    with cable() as world:
        world.spawn(world.host, "iperf3", "-s", stdout=subprocess.DEVNULL)
        ends = [world.launch(config(), namespace=end).wait_ready() for end in (world.host, world.peer)]
        time.sleep(1)
        for streams in (1, 8):
            pairs = in_turns(3 * bench.rounds, lambda interface, n=streams: stream(world, interface, n, 2))
            without, with_ntc = (median(column) for column in zip(*pairs))
            left = median([b / a for a, b in pairs])
            say(f"iperf3, {streams} streams: {left:.3f} left")
            rows.append({"streams": streams, "without_bps": without, "with_bps": with_ntc, "left": left})
        for ntc in ends:
            ntc.stop()
    return rows
