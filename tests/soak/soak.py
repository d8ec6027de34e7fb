#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Churn for long, and what it leaves: usage (as root, see scripts/soak.sh)

    soak.py --binary NTC --kind mock|bpf [--minutes N] [--valgrind] [--samples FILE]

Fails if memory or descriptors grow once all has been seen once, if something is left when all is over, or if a
sanitizer or valgrind has a complaint. Of instrumented programs, and in less than five minutes, the memory is told, not
judged.
"""
import argparse
import csv
import json
import os
import pathlib
import re
import statistics
import sys
import time

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "system")]
from churn import STEP_SEC, Churn  # noqa: E402  (the path comes first)
from test_hotplug import resources  # noqa: E402
from waiting import expect  # noqa: E402
from world import World  # noqa: E402

SAMPLES_MIN, SAMPLE_SEC_MAX = 12, 5
WARM_UP = 0.25  # of the time: tables, windows and the allocator's pools fill up
GROWTH_KIB = 1024  # over the rest of the time
JUDGED_MIN = 5
VALGRIND = ["valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite"]
FLOWS = """\
  tcp_idle_sec: 5
  other_idle_sec: 3
  closed_linger_sec: 1
"""


def config(world):
    folder = world.folder / "feed.d"
    folder.mkdir()
    return world.config(interfaces=["eth*"], extra=FLOWS) + (
        f"feeds:\n  blacklist_folder: {folder}\n  whitelist_folder: \"\"\nmock:\n  rate: 300\n  seed: 1\n")


def start(world, arguments):
    os.environ["NTC_BINARY"] = str(arguments.binary.resolve())
    program = [*VALGRIND, os.environ["NTC_BINARY"]] if arguments.valgrind else ()
    return world.launch(config(world), ["--mock"] if arguments.kind == "mock" else [], program).wait_ready(60)


def sample(ntc, begin):
    fds, links, rss = resources(ntc)
    metrics = ntc.metrics()
    return {"seconds": round(time.monotonic() - begin, 1), "rss_kib": rss, "fds": fds, "links": links,
            "flows": metrics.sum("ntc_active_flows"), "addresses": metrics.sum("ntc_active_ips"),
            "entries": metrics.sum("ntc_list_entries"), "drift": metrics.sum("ntc_accounting_drift_packets")}


def soak(ntc, churn, minutes):
    begin, samples = time.monotonic(), []
    sample_sec = min(SAMPLE_SEC_MAX, 60 * minutes / SAMPLES_MIN)
    while (now := time.monotonic() - begin) < 60 * minutes:
        if now >= sample_sec * len(samples):
            samples.append(sample(ntc, begin))
        churn.run_step()
        time.sleep(max(0, begin + STEP_SEC * churn.step - time.monotonic()))
    return samples


def slope(samples, what):
    """A second, as the median of that between any two (Theil and Sen): a single peak doesn't count."""
    pairs = [(b[what] - a[what]) / (b["seconds"] - a["seconds"])
             for i, a in enumerate(samples) for b in samples[i + 1:] if b["seconds"] > a["seconds"]]
    return statistics.median(pairs)


def judge(samples, memory_too):
    """(figures, complaints)"""
    warm = samples[int(WARM_UP * len(samples)):]
    seconds = warm[-1]["seconds"] - warm[0]["seconds"]
    third = len(warm) // 3
    growth = slope(warm, "rss_kib") * seconds
    fds = [statistics.median(s["fds"] for s in part) for part in (warm[:third], warm[-third:])]
    figures = {"seconds": samples[-1]["seconds"], "rss_kib_after_warm_up": warm[0]["rss_kib"],
               "rss_kib_at_the_end": warm[-1]["rss_kib"], "rss_kib_max": max(s["rss_kib"] for s in samples),
               "rss_kib_growth": round(growth), "fds_first_and_last_third": fds,
               "fds_max": max(s["fds"] for s in samples), "flows_max": max(s["flows"] for s in samples),
               "drift_max": max(s["drift"] for s in samples)}
    complaints = []
    if memory_too and growth > GROWTH_KIB:
        complaints.append(f"memory grows: {growth:.0f} KiB in {seconds} s")
    if fds[0] != fds[1]:
        complaints.append(f"descriptors: {fds}")
    if figures["drift_max"] > 0:
        complaints.append(f"drift: {figures['drift_max']} packets")
    return figures, complaints


def check_end(ntc, churn, first):
    """All are gone, and so is what was held for them."""
    churn.end()
    expect(lambda: resources(ntc)[:2], (first["fds"], first["links"]), 10)
    expect(lambda: ntc.metrics().sum("ntc_http_connections") <= 1, True, 20)
    if churn.packets:
        expect(lambda: ntc.metrics().sum("ntc_active_flows") < 50, True, 30)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", type=pathlib.Path, required=True)
    parser.add_argument("--kind", choices=("mock", "bpf"), required=True)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--valgrind", action="store_true")
    parser.add_argument("--samples", type=pathlib.Path)
    arguments = parser.parse_args()
    instrumented = arguments.valgrind or bool(re.search(rb"__asan_init", arguments.binary.read_bytes()))
    with World() as world:
        ntc = start(world, arguments)
        churn = Churn(world, ntc, arguments.kind == "bpf")
        time.sleep(1)
        first = sample(ntc, time.monotonic())
        samples = soak(ntc, churn, arguments.minutes)
        figures, complaints = judge(samples, not instrumented and arguments.minutes >= JUDGED_MIN)
        if arguments.samples:
            with open(arguments.samples, "w", newline="") as file:
                writer = csv.DictWriter(file, samples[0])
                writer.writeheader()
                writer.writerows(samples)
        print(json.dumps(figures | churn.counts), flush=True)
        check_end(ntc, churn, first)
        ntc.stop()  # fails at a complaint of a sanitizer or of valgrind
        text = ntc.log_path.read_text()
        assert not re.search(r"==\d+==", text), text
        assert not complaints, complaints


if __name__ == "__main__":
    main()
