# SPDX-License-Identifier: MIT
"""Floods and streams through a veth with and without ntc, in turns."""
import time

from lab import FLOWS, cable, config, cpu_ns, empty_hook, flood, median, say, settled, spread, stream, stream_server

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


def in_turns(rounds, measure, interfaces=("eth1", "eth0")):
    """[(measure("eth1"), measure("eth0"))], each turn beginning with another one."""
    turns = []
    for turn in range(rounds):
        first = turn % len(interfaces)
        got = {interface: measure(interface) for interface in interfaces[first:] + interfaces[:first]}
        turns.append(tuple(got[interface] for interface in interfaces))
    return turns


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
    without, with_ntc, lost = zip(*pairs)
    row = {"name": name, "without_pps": median(without), "with_pps": median(with_ntc), "seen": seen,
           "user_space": used, "lost": median(lost), "lost_between": spread(lost)}
    say(f"{name}: {row['without_pps'] / 1e6:.2f} -> {row['with_pps'] / 1e6:.2f} Mpps, {row['lost']:.1%} lost, "
        f"ntc {used:.1%} of a core")
    return row


def rounds_of(bench):
    return 5 if bench.quick else 21


def empty_program(bench, world):
    """What a program that does nothing costs on the hook: the floor of the others."""
    shape = SHAPES["4096_flows"]
    with empty_hook(bench, world, world.host):
        turns = in_turns(rounds_of(bench), lambda interface: one(bench, world, shape, interface, PACKETS)[0])
    lost = [1 - with_it / without for without, with_it in turns]
    say(f"an empty program: {median(lost):.1%} lost")
    return {"name": "empty_program", "lost": median(lost), "lost_between": spread(lost)}


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


def throughput(bench):
    """ntc on both ends of eth0, and on none of eth1's and eth2's: how far those differ is what can't be told."""
    rows = []
    with cable(cables=3) as world:
        stream_server(world)
        ends = [world.launch(config(), namespace=end).wait_ready() for end in (world.host, world.peer)]
        time.sleep(1)
        for streams in (1, 8):
            turns = in_turns(3 * bench.rounds, lambda interface, n=streams: stream(world, interface, n, 2),
                             ("eth1", "eth0", "eth2"))
            left = [with_ntc / without for without, with_ntc, _ in turns]
            same = [other / without for without, _, other in turns]
            rows.append({"streams": streams, "without_bps": median([without for without, _, _ in turns]),
                         "left": median(left), "left_between": spread(left),
                         "same": median(same), "same_between": spread(same)})
            say(f"iperf3, {streams} streams: {rows[-1]['left']:.3f} left; of two cables without ntc {rows[-1]['same']:.3f}")
        for ntc in ends:
            ntc.stop()
    return rows
