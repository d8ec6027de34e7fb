#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ntc on older kernels: Debian's own, under qemu, with an initramfs that holds the daemon and guest.sh.

    NTC_BINARY=build-test/src/ntc tests/qemu/run.py [--name PREFIX] [--accel kvm] [6.1] [6.12]
    NTC_BINARY=build-arm64/src/ntc tests/qemu/run.py --arch arm64 [6.1] [6.12]
    NTC_BINARY=build-arm64/src/ntc tests/qemu/run.py --arch arm64-16k 6.12

Without a version: 6.1, and 6.12 if apt knows it; what is named must run. A line a test: PASS or FAIL.
The kernels' packages are downloaded and unpacked below build-qemu/, never installed; needs no root.
arm64 is on demand: docs/kernels.md tells what it needs.

It is upgraded to the versions that tests/variants.py builds.
"""
import argparse
import concurrent.futures
import lzma
import os
import pathlib
import re
import select
import shutil
import subprocess
import sys
import time

from machines import MACHINES, Failure, run

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import variants

BUILD = variants.ROOT / "build-qemu"
HOOKS = {"6.1": "clsact", "6.12": "tcx"}  # the first is the one ntc has to choose by itself
MODULES = ("veth", "sch_ingress", "cls_bpf", "inet_diag", "tcp_diag")
TOOLS = ("ip", "tc", "bpftool")


# --- the kernel

def packages_of(version, machine):
    return f"linux-image-{version}.*-{machine.flavour}"


def newest_package(version, machine):
    """The name of Debian's newest package of that kernel, or None."""
    # Not any word: there are -rt-arm64 and -cloud-arm64 too.
    pattern = rf"^linux-image-{re.escape(version)}\.[0-9.]+([-+](deb|bpo)?[0-9]*)*-{machine.flavour}$"
    found = run("apt-cache", "search", "--names-only", pattern).splitlines()
    names = [line.split()[0] for line in found]
    return max(names, key=lambda name: [int(n) for n in re.findall(r"\d+", name)], default=None)


def fetch_kernel(version, machine):
    """A folder with boot/vmlinuz-* and lib/modules/*, or None where apt knows no such package."""
    folder = BUILD / f"linux-{version}{machine.suffix}"
    if (folder / "complete").exists():
        return folder
    package = newest_package(version, machine)
    if package is None:
        return None
    print("fetching:", package, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    run("apt-get", "download", "-qq", package, cwd=folder)
    archive = next(folder.glob("*.deb"))
    run("dpkg-deb", "-x", str(archive), str(folder))
    archive.unlink()
    (folder / "complete").touch()
    return folder


def read_module(path):
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def modinfo(data, key):
    return [value.decode() for value in re.findall(rb"\0" + key + rb"=([^\0]+)", data)]


def modules_of(kernel):
    """{path in the guest: content} of the modules wanted and those they depend on, and of what modprobe(8)
    looks up: modules.dep (with all that depends on, however far) and modules.alias."""
    paths = {path.name.split(".")[0]: path for path in kernel.glob("lib/modules/*/kernel/**/*.ko*")}
    folder = next(kernel.glob("lib/modules/*"))
    files, places, needs, aliases = {}, {}, {}, []

    def add(name):
        if name in needs or name not in paths:  # else built in
            return
        data = read_module(paths[name])
        places[name] = str(paths[name].relative_to(folder)).removesuffix(".xz")
        files[f"lib/modules/{folder.name}/{places[name]}"] = data
        aliases.extend(f"alias {alias} {name}\n" for alias in modinfo(data, b"alias"))
        direct = ",".join(modinfo(data, b"depends")).replace("-", "_").split(",")
        needs[name] = []
        for other in direct:
            add(other)
            needs[name] += [other, *needs[other]] if other in needs else []

    for name in MODULES:
        add(name)
    lines = [f"{places[name]}: {' '.join(places[other] for other in needs[name])}\n" for name in needs]
    files[f"lib/modules/{folder.name}/modules.dep"] = "".join(lines).encode()
    files[f"lib/modules/{folder.name}/modules.alias"] = "".join(aliases).encode()
    return files


# --- the programs

def build_helper(name, machine):
    target = BUILD / f"{name}{machine.suffix}"
    run(machine.cc, "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O2", "-static",
        str(HERE / f"{name}.c"), "-o", str(target))
    return target


# --- the initramfs

def cpio(entries):
    """An archive (newc, see Documentation/driver-api/early-userspace/buffer-format.rst) of
    {path: (mode, content)}."""
    out = bytearray()
    for inode, (path, (mode, data)) in enumerate([*entries.items(), ("TRAILER!!!", (0, b""))], 1):
        name = path.encode() + b"\0"
        fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0)
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + name
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return bytes(out)


def initramfs(kernel, programs, machine):
    """`programs`: by their paths in the guest."""
    files = {name: (0o100755, path.read_bytes()) for name, path in programs.items()}
    for name, path in machine.libraries(programs.values(), BUILD).items():
        files[name] = (0o100755, path.read_bytes())
    for path, data in modules_of(kernel).items():
        files[path] = (0o100644, data)
    files["init"] = (0o100755, (HERE / "guest.sh").read_bytes())
    # The kernel asks for its modules there, and finds them as on any machine.
    files["sbin/modprobe"] = (0o120777, b"/bin/busybox")
    folders = {"dev", "proc", "sys", "run", "tmp", "etc"}
    folders.update(str(parent) for path in files for parent in pathlib.PurePath(path).parents)
    folders.discard(".")
    return cpio({**{path: (0o40755, b"") for path in sorted(folders)}, **files})


# --- the guest

class Guest:
    """A running qemu and what it says."""

    def __init__(self, version, kernel, image, machine, accel):
        self.log = open(BUILD / f"console-{version}{machine.suffix}.log", "wb")
        self.timeout = machine.timeout
        self.process = subprocess.Popen(
            [*machine.qemu, "-accel", accel, "-smp", "2",
             "-kernel", str(next(kernel.glob("boot/vmlinuz-*"))), "-initrd", str(image),
             # Verifying a program takes most of the time, and three times as long through retpolines.
             "-append", f"console={machine.console} quiet panic=-1 mitigations=off modes={HOOKS[version]}",
             "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.until = time.monotonic() + self.timeout

    def lines(self):
        """Until it ends, or has to be ended."""
        rest, pipe = b"", self.process.stdout
        while (left := self.until - time.monotonic()) > 0:
            if not select.select([pipe], [], [], left)[0]:
                break
            data = os.read(pipe.fileno(), 65536)
            if not data:
                return
            self.log.write(data)
            *whole, rest = (rest + data).split(b"\n")
            yield from (line.decode(errors="replace").rstrip("\r") for line in whole)
        yield f"not done after {self.timeout} s"

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()


def watch(guest, prefix):
    """Prints the results as they come. How many tests failed."""
    passed, failed, ended, said = 0, 0, False, []
    begin = time.monotonic()
    for line in guest.lines():
        words = line.split()
        if len(words) == 2 and words[0] in ("PASS", "FAIL"):
            now = time.monotonic()
            print(f"{words[0]} {prefix}/{words[1]} {now - begin:.1f} s", flush=True)
            if words[0] == "FAIL":
                print("    " + "\n    ".join(said[-40:]), flush=True)
                failed += 1
            else:
                passed += 1
            begin, said = now, []
        elif len(words) == 2 and words[0] == "END":
            ended = int(words[1]) == passed + failed
        else:
            said.append(line)
    if not ended:
        print(f"FAIL {prefix}/ends\n    " + "\n    ".join(said[-40:]), flush=True)
        failed += 1
    return failed


def test(version, kernel, binaries, machine, arguments):
    prefix = f"{arguments.name}{machine.suffix}-{version}"
    image = BUILD / f"initramfs-{version}{machine.suffix}.cpio"
    image.write_bytes(initramfs(kernel, binaries, machine))
    guest = Guest(version, kernel, image, machine, arguments.accel)
    try:
        return watch(guest, prefix)
    finally:
        guest.close()


def prepare(machine):
    """The programs of the guest, by their paths there."""
    daemon = pathlib.Path(os.environ.get("NTC_BINARY", "")).absolute()
    if not os.access(daemon, os.X_OK) or not daemon.is_file():
        raise Failure("NTC_BINARY must name the daemon's program")
    if machine.elf not in run("readelf", "-h", str(daemon)):
        raise Failure(f"{daemon} is not built for {machine.name}")
    run(machine.qemu[0], "--version")
    BUILD.mkdir(exist_ok=True)
    return {"bin/ntc": daemon,
            **{f"bin/ntc-{name}": variants.build(name, machine.cross) for name in variants.EDITS},
            "bin/busybox": machine.tool("busybox", BUILD),
            **{f"bin/{name}": build_helper(name, machine) for name in ("traffic", "manager")},
            **{f"tools/{name}": machine.tool(name, BUILD) for name in TOOLS}}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", default="qemu")
    parser.add_argument("--arch", default="amd64", choices=MACHINES)
    parser.add_argument("--accel", default="tcg,thread=multi")
    parser.add_argument("versions", nargs="*", metavar="6.1|6.12", help="kernels that must be tested")
    arguments = parser.parse_args()
    machine = MACHINES[arguments.arch]
    if unknown := set(arguments.versions) - set(HOOKS):
        parser.error(f"no such kernel here: {', '.join(unknown)}")
    try:
        binaries = prepare(machine)
        kernels = {version: fetch_kernel(version, machine) for version in arguments.versions or HOOKS}
        for version in [version for version in kernels if kernels[version] is None]:
            missing = f"apt knows no {packages_of(version, machine)}"
            if arguments.versions or version == "6.1":
                raise Failure(f"{missing} (apt-get update?)")
            print(f"not tested: kernel {version}: {missing}")
            del kernels[version]
        with concurrent.futures.ThreadPoolExecutor() as pool:  # each guest keeps one processor busy
            failed = sum(pool.map(lambda item: test(*item, binaries, machine, arguments), kernels.items()))
    except (Failure, variants.BuildError) as failure:
        print(f"FAIL {arguments.name}: {failure}")
        return 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
