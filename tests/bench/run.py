#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""usage: sudo tests/bench/run.py BUILD [--quick] [--only NAME,...] [--json FILE] [--markdown FILE] [--plots FOLDER]

Measures what docs/performance.md tells, on this machine, with the programs of the build folder
BUILD. Prints Markdown; --json keeps what was measured, and --from FILE renders that again.
"""
import argparse
import json
import os
import pathlib
import platform
import sys

import lab
import measure_daemon
import measure_flood
import measure_http
import measure_in_place
import measure_others
import measure_packet
import plots
import report

SECTIONS = {
    "packet": measure_packet.packet,
    "lists_by_size": measure_packet.lists_by_size,
    "packet_by_flows": measure_packet.packet_by_flows,
    "floods": measure_flood.floods,
    "in_place": measure_in_place.in_place,
    "by_flows": measure_flood.by_flows,
    "throughput": measure_flood.throughput,
    "daemon": measure_daemon.daemon,
    "lists": measure_daemon.lists,
    "http": measure_http.http,
    "others": measure_others.others,
    "by_rate": measure_others.by_rate,
}


def machine():
    return {"kernel": platform.release(), "cpus": os.cpu_count(),
               "cpu": next((line.split(": ")[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                            if line.startswith("model name")), platform.machine())}


def measure(bench, names, results, keep):
    """Adds to `results`, and keeps what there is after each section."""
    results |= machine()
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        results[name] = SECTIONS[name](bench)
        keep(results)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default=",".join(SECTIONS))
    parser.add_argument("--from", dest="source", metavar="FILE")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--markdown", metavar="FILE")
    parser.add_argument("--plots", metavar="FOLDER")
    arguments = parser.parse_args()

    names = arguments.only.split(",")
    if unknown := [name for name in names if name not in SECTIONS]:
        parser.error(f"no section {unknown[0]}; there are {', '.join(SECTIONS)}")
    results = json.loads(pathlib.Path(arguments.source).read_text()) if arguments.source else {}

    def keep(what):
        if arguments.json:
            pathlib.Path(arguments.json).write_text(json.dumps(what, indent=1) + "\n")

    if arguments.build:
        measure(lab.Bench(arguments.build, arguments.quick), names, results, keep)
    elif not results:
        parser.error("name a build folder, or a result with --from")

    keep(results)
    text = report.markdown(results)
    if arguments.markdown:
        pathlib.Path(arguments.markdown).write_text(text)
    print(text)
    if arguments.plots:
        plots.draw(results, pathlib.Path(arguments.plots))


main()
