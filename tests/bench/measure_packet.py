# SPDX-License-Identifier: MIT
"""Per packet, in the kernel: BPF_PROG_TEST_RUN against the usual design; by size of the lists, by number of flows."""
import json
import subprocess
import tempfile

from lab import FLOWS, say

SIZES = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000]


def bench_packet(bench, rounds, entries, *options):
    """Its cases, by name, and what they have in common."""
    with tempfile.NamedTemporaryFile() as file:
        subprocess.run([bench.program("bench-packet"), "--rounds", str(rounds), "--lists", str(entries),
                        "--json", file.name, *options], check=True, stdout=subprocess.DEVNULL)
        return json.load(open(file.name, encoding="ascii"))


def packet(bench):
    return bench_packet(bench, 31 if bench.quick else 101, 65536)


def lists_by_size(bench):
    """New flows on a full map are judged by the lists each time; an established one never is."""
    rows = []
    for entries in SIZES:
        say(f"lists of {entries:,} entries")
        result = bench_packet(bench, 11 if bench.quick else 31, entries, "--only", "tcp4,full")
        cases = {case["name"]: case for case in result["cases"]}
        rows.append({"entries": entries, "established_ns": cases["tcp4"]["ntc"], "judged_ns": cases["full"]["ntc"],
                     "usual_ns": cases["tcp4"]["usual"]})
    return rows


def packet_by_flows(bench):
    """Established flows, each packet of another one than the packet before."""
    rows = []
    for flows in FLOWS:
        say(f"{flows:,} flows in turn")
        result = bench_packet(bench, 11 if bench.quick else 31, 65536, "--only", "tcp4_flows", "--flows", str(flows))
        case = result["cases"][0]
        rows.append({"flows": flows, "ntc_ns": case["ntc"], "usual_ns": case["usual"]})
    return rows
