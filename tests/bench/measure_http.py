# SPDX-License-Identifier: MIT
"""Many viewers of /events, and small requests."""
import json
import os
import re
import socket
import time

from lab import cable, config, cpu_ns, median, say
from waiting import expect

EVENTS_PER_SECOND = 2000
BUDGET = 2100  # dealt out in slices: some of a slice may be left
VIEWERS = (1, 10, 50, 100, 200, 400)


def generate(world):
    """For ever more than the budget, whatever else runs: what is measured is who hands the events out."""
    os.nice(-20)
    with world.peer.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        due = time.monotonic()
        while True:
            for _ in range(3 * BUDGET // 200):
                out.sendto(b"seen", ("10.77.0.1", 9))
            due = max(due + 1 / 200, time.monotonic() - 0.1)
            time.sleep(max(0, due - time.monotonic()))


def viewers(bench, world, ntc, n):
    """All read as fast as they can, in a program of their own (viewers.c)."""
    generator = world.fork(lambda: generate(world))
    program = world.spawn(world.host, bench.program("viewers"), str(ntc.port), str(n), str(bench.seconds),
                          stdout=-1, text=True)
    assert program.stdout.readline() == "ready\n", "the viewers did not come to it"
    cpu, began = cpu_ns(ntc.process.pid), time.monotonic()
    row = json.loads(program.stdout.readline())
    row["cpu"] = (cpu_ns(ntc.process.pid) - cpu) / 1e9 / (time.monotonic() - began)
    program.wait()
    expect(lambda: ntc.metrics().sum("ntc_sse_clients"), 0, 20)  # seen with the next events, which must therefore come
    world.end_child(generator)
    say(f"{n} viewers: {row['events_per_client']:.0f} events/s each, {row['losing']} lost any, {row['cpu']:.0%} of a core")
    return row


def wrk(world, port, seconds):
    text = world.host.run("wrk", "-t1", "-c32", f"-d{seconds}s", f"http://127.0.0.1:{port}/healthz")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])


def requests(bench, world, ntc):
    """GET /healthz in turns with the least that libmicrohttpd can do: requests/s, and the server's CPU time for one."""
    floor = world.spawn(world.host, bench.program("floor-http"), "8087")
    time.sleep(0.3)
    rates, costs = {"ntc": [], "floor": []}, {"ntc": [], "floor": []}
    for _ in range(bench.rounds):
        for name, pid, port in (("ntc", ntc.process.pid, ntc.port), ("floor", floor.pid, 8087)):
            cpu = cpu_ns(pid)
            rate = wrk(world, port, 2)
            rates[name].append(rate)
            costs[name].append((cpu_ns(pid) - cpu) / 1000 / (rate * 2))
    floor.kill()
    result = {"requests_per_second": median(rates["ntc"]), "floor_per_second": median(rates["floor"]),
              "request_cpu_us": median(costs["ntc"]), "floor_cpu_us": median(costs["floor"])}
    say(f"{result['requests_per_second']:,.0f} small requests/s, {result['request_cpu_us']:.1f} us of CPU each; libmicrohttpd "
        f"alone {result['floor_per_second']:,.0f}, {result['floor_cpu_us']:.1f} us")
    return result


def http(bench):
    with cable() as world:
        ntc = world.launch(config(f"events:\n  budget: {BUDGET}\n")).wait_ready()
        result = requests(bench, world, ntc)
        result["viewers"] = [viewers(bench, world, ntc, n) for n in VIEWERS]
        ntc.stop()
        return result
