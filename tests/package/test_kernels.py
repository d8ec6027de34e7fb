# SPDX-License-Identifier: MIT
"""docs/kernels.md: what the program needs of the kernel is what the table says, and no newer than 5.15."""
import re

from debian import BUILD, ROOT, run

OLDEST = (5, 15)


def table():
    """{what: version}"""
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| ([0-9.]+) \|$", (ROOT / "docs/kernels.md").read_text(), re.MULTILINE)
    return {what: tuple(map(int, version.split("."))) for what, version in rows}


def the_object():
    found = list(BUILD.glob("*/source/obj-*/bpf/ntc.bpf.o"))
    assert found, "scripts/package.sh has built none"
    return found[0]


def test_helpers_are_those_of_the_table():
    text = run("llvm-objdump-16", "-d", str(the_object()))
    # BPF_JMP | BPF_CALL with src_reg 0: calls of a helper, by its number (linux/bpf.h).
    calls = re.findall(r"\t85 00 00 00 (..) (..) (..) (..)\t", text)
    used = {int("".join(reversed(number)), 16) for number in calls}
    told = {int(found[1]) for what in table() if (found := re.match(r"helper (\d+) ", what))}
    assert len(used) >= 5 and used == told, f"used {sorted(used)}, told {sorted(told)}"


def test_maps_are_those_of_the_table():
    used = set(re.findall(r"BPF_MAP_TYPE_(\w+)", (ROOT / "bpf/maps.bpf.h").read_text()))
    told = {what.removeprefix("map ").upper() for what in table() if what.startswith("map ")}
    assert used | {"ARRAY"} == told, f"used {used}, and ARRAY by global variables; told {told}"


def test_nothing_is_newer_than_the_oldest_kernel():
    newer = {what for what, version in table().items() if version > OLDEST}
    assert newer == {"TCX links"}
