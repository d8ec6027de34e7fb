#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Later versions of ntc, to be upgraded to: built from a changed copy of the sources, below build-variants/.

    tests/variants.py      builds them all, and prints their paths

`upgraded` has another eBPF program, `relaid` another ABI of the kernel's maps.
"""
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build-variants"
EDITS = {
    # Another version, another program, one more map (a global variable) and constants of its own.
    "upgraded": {
        "meson.build": [(r"^  version: '.*'", "  version: '9.9.9'")],
        "bpf/ntc.bpf.c": [(r"^static __always_inline int ntc_verdict\(__u32 action\)\n\{\n", """\
const volatile __u64 ntc_upgraded_step = 3;
__u64 ntc_upgraded_verdicts = 1;

static __always_inline int ntc_verdict(__u32 action)
{
    __sync_fetch_and_add(&ntc_upgraded_verdicts, ntc_upgraded_step);
""")],
    },
    # Another layout of the maps.
    "relaid": {"bpf/abi.h": [(r"^#define NTC_ABI_VERSION .*", "#define NTC_ABI_VERSION 99")]},
}


class BuildError(Exception):
    """Told in one line."""


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise BuildError(f"{' '.join(map(str, command))}: {(done.stdout + done.stderr).strip()[-2000:]}")


def tree():
    """The files that git knows, by the path from the root; tests are not built."""
    listed = subprocess.run(["git", "-C", str(ROOT), "-c", "safe.directory=*", "ls-files", "-z", "--cached",
                             "--others", "--exclude-standard"], capture_output=True, text=True, check=True).stdout
    names = [name for name in listed.split("\0") if name and not name.startswith("tests/")]
    return [pathlib.Path(name) for name in names if (ROOT / name).is_file()]


def changed(path, text, pattern, replacement):
    result, n = re.subn(pattern, replacement, text, flags=re.MULTILINE)
    if n != 1:
        raise BuildError(f"{path}: {n} places match {pattern!r}; tests/variants.py must know the sources")
    return result


def build(name, cross=None):
    """Returns the program. One build folder for all: little changes from one to the next.
    `cross`: meson's cross file, by its path from the root."""
    sources, folder = BUILD / "sources", BUILD / f"build{suffix(cross)}"
    for path in tree():
        data = (ROOT / path).read_bytes()
        for pattern, replacement in EDITS[name].get(str(path), ()):
            data = changed(path, data.decode(), pattern, replacement).encode()
        target = sources / path
        if not target.exists() or target.read_bytes() != data:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            shutil.copymode(ROOT / path, target)
    if not (folder / "build.ninja").exists():
        shutil.rmtree(folder, ignore_errors=True)
        run("meson", "setup", str(folder), str(sources), "-Dtests=false", "--prefix=/usr", "--sysconfdir=/etc",
            *(["--cross-file", str(ROOT / cross)] if cross else []))
    run("ninja", "-C", str(folder), "src/ntc")
    shutil.copy2(folder / "src" / "ntc", program(name, cross))
    return program(name, cross)


def suffix(cross):
    return f"-{pathlib.Path(cross).stem}" if cross else ""


def program(name, cross=None):
    return BUILD / f"ntc-{name}{suffix(cross)}"


def main():
    try:
        for name in EDITS:
            print(build(name))
    except BuildError as error:
        sys.exit(f"variants: {error}")


if __name__ == "__main__":
    main()
