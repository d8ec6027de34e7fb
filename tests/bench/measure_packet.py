# SPDX-License-Identifier: MIT
"""Per packet, in the kernel: BPF_PROG_TEST_RUN against the usual design, and by size of the lists."""
import json
import subprocess
import tempfile

from lab import say

SIZES = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000]


def bench_packet(bench, rounds, entries):
    with tempfile.NamedTemporaryFile() as file:
        subprocess.run([bench.program("bench-packet"), "--rounds", str(rounds), "--lists", str(entries),
                        "--json", file.name], check=True, stdout=subprocess.DEVNULL)
        return json.load(open(file.name, encoding="ascii"))


def packet(bench):
    return bench_packet(bench, 31 if bench.quick else 101, 65536)


def lists_by_size(bench):
    """New flows on a full map are judged by the lists each time; an established one never is."""
    rows = []
    for entries in SIZES[:-1] if bench.quick else SIZES:
        say(f"lists of {entries:,} entries")
        cases = {case["name"]: case for case in bench_packet(bench, 11, entries)["cases"]}
        rows.append({"entries": entries, "established_ns": cases["tcp4"]["ntc"], "judged_ns": cases["full"]["ntc"],
                     "usual_ns": cases["tcp4"]["usual"]})
    return rows
