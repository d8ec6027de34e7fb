# SPDX-License-Identifier: MIT
"""What a run of the program takes where packets come from the stack, by the kernel's own clock (bpf_stats)."""
import contextlib
import json
import pathlib
import subprocess

from lab import cable, config, empty_hook, flood, say, stream, stream_server

SWITCH = pathlib.Path("/proc/sys/kernel/bpf_stats_enabled")


@contextlib.contextmanager
def timed():
    """The clock is read twice a run, so that it is off where throughput is measured."""
    before = SWITCH.read_text()
    SWITCH.write_text("1")
    try:
        yield
    finally:
        SWITCH.write_text(before)


def runs():
    """{program's number: (ns, runs)} of the empty programs and of ntc's."""
    listed = json.loads(subprocess.run(["bpftool", "-j", "prog", "show"], capture_output=True, check=True).stdout)
    return {program["id"]: (program.get("run_time_ns", 0), program.get("run_cnt", 0)) for program in listed
            if program.get("name", "").startswith(("empty", "ntc_"))}


def ns_a_run(work):
    before = runs()
    work()
    after = runs()
    ns, count = (sum(after[number][i] - before[number][i] for number in before) for i in (0, 1))
    return ns / count


@contextlib.contextmanager
def ntc_hook(world, *namespaces):
    """ntc on eth0 of these."""
    daemons = [world.launch(config(), namespace=namespace).wait_ready() for namespace in namespaces]
    for ntc in daemons:
        ntc.attached()
    yield
    for ntc in daemons:
        ntc.stop()


def in_place(bench):
    rows = []
    with cable(cables=1) as world, timed():
        stream_server(world)
        loads = {"a flood of 4,096 flows": lambda: flood(bench, world, 1_000_000 * bench.seconds),
                 "a stream of iperf3": lambda: stream(world, "eth0", 1, bench.seconds)}
        for load, work in loads.items():
            with empty_hook(bench, world, world.host, world.peer):
                empty = ns_a_run(work)
            with ntc_hook(world, world.host, world.peer):
                ntc = ns_a_run(work)
            say(f"{load}: {ntc:.0f} ns a run, an empty program {empty:.0f}")
            rows.append({"load": load, "empty_ns": empty, "ntc_ns": ntc})
    return rows
