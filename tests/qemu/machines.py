# SPDX-License-Identifier: MIT
"""The machines that run.py has qemu play: what differs between them, and how programs for them are found."""
import dataclasses
import pathlib
import re
import shutil
import subprocess


class Failure(Exception):
    """Told in one line."""


def run(*command, **options):
    try:
        done = subprocess.run(command, capture_output=True, text=True, **options)
    except FileNotFoundError as error:
        raise Failure(f"{command[0]} is missing; docs/kernels.md says what is needed") from error
    if done.returncode != 0:
        raise Failure(f"{' '.join(map(str, command))}: {(done.stdout + done.stderr).strip()[-2000:]}")
    return done.stdout


@dataclasses.dataclass(frozen=True)
class Machine:
    """This processor's. Programs are those installed here."""
    name: str
    suffix: str  # of the names of files and tests
    flavour: str  # how the names of Debian's kernel packages end
    elf: str  # what readelf calls it
    qemu: tuple
    console: str
    timeout: int  # seconds for a whole guest; it takes a fifth where nothing else runs
    cc: str = "cc"
    cross: str | None = None  # meson's cross file

    def tool(self, name, _build):
        found = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
        if found is None:
            raise Failure(f"{name} is missing; scripts/test.sh installs what is")
        return pathlib.Path(found)

    def libraries(self, programs, _build):
        """The shared libraries they load, and the loader: {path in the guest: path}."""
        files = {}
        for program in programs:
            said = subprocess.run(["ldd", str(program)], capture_output=True, text=True).stdout
            for line in said.splitlines():  # of a static one it says that it is
                if found := re.search(r"(?:=> )?(/\S+) \(0x", line):
                    files[found[1][1:]] = pathlib.Path(found[1])
        return files


@dataclasses.dataclass(frozen=True)
class ForeignMachine(Machine):
    """Another processor's: tools are from Debian's packages, unpacked below the build folder; libraries from
    there, or those that building ntc for it has installed here."""
    triplet: str = ""
    packages: tuple = ()

    def unpacked(self, build):
        folder = build / f"root-{self.name}"
        if (folder / "complete").exists():
            return folder
        print("fetching:", *self.packages, flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        run("apt-get", "download", "-qq", *(f"{package}:{self.name}" for package in self.packages), cwd=folder)
        for archive in folder.glob("*.deb"):
            run("dpkg-deb", "-x", str(archive), str(folder))
            archive.unlink()
        (folder / "complete").touch()
        return folder

    def tool(self, name, build):
        root = self.unpacked(build)
        for folder in ("usr/sbin", "usr/bin", "sbin", "bin"):
            path = root / folder / name
            if path.is_symlink() and path.readlink().is_absolute():  # as seen from within that root
                path = root / path.readlink().relative_to("/")
            if path.exists():
                return path
        raise Failure(f"none of the packages has {name} of {self.name}: {', '.join(self.packages)}")

    def libraries(self, programs, build):
        """As the loader goes about it, which can't run here."""
        root, files, left = self.unpacked(build), {}, list(programs)
        while left:
            said = run("readelf", "-W", "-l", "-d", str(left.pop()))
            names = re.findall(r"\(NEEDED\).*\[(.+)\]", said)
            for loader in re.findall(r"program interpreter: /(\S+)\]", said):
                files[loader] = self.find(root, pathlib.Path(loader).name)
            for name in names:
                place = f"lib/{self.triplet}/{name}"
                if place not in files:
                    files[place] = self.find(root, name)
                    left.append(files[place])
        return files

    def find(self, root, name):
        for folder in (root / "usr/lib", root / "lib", pathlib.Path("/usr/lib"), pathlib.Path("/lib")):
            if (path := folder / self.triplet / name).exists():
                return path
        raise Failure(f"{name} of {self.name} is missing; `scripts/package.sh {self.name}` installs what ntc needs")


AMD64 = Machine(
    name="amd64", suffix="", flavour="cloud-amd64", elf="X86-64",
    qemu=("qemu-system-x86_64", "-cpu", "max,pcid=off,la57=off", "-m", "768"), console="ttyS0", timeout=500)
# The processor of the Raspberry Pi 4: it has no atomic instructions, the kernel makes loops of those of eBPF.
ARM64 = ForeignMachine(
    name="arm64", suffix="-arm64", flavour="arm64", elf="AArch64",
    qemu=("qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72", "-m", "1G"), console="ttyAMA0", timeout=500,
    cc="aarch64-linux-gnu-gcc", cross="scripts/arm64.cross", triplet="aarch64-linux-gnu",
    packages=("busybox-static", "iproute2", "bpftool", "libbpf1", "libbsd0", "libmd0", "libcap2", "libdb5.3",
              "libelf1", "libmnl0", "libpcre2-8-0", "libselinux1", "libtirpc3", "libxtables12"))
# That of the Raspberry Pi 5, and pages as large as its kernel has them. Debian has such kernels since 6.12.
ARM64_16K = dataclasses.replace(
    ARM64, suffix="-arm64-16k", flavour="arm64-16k",
    qemu=("qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a76", "-m", "1G"))

MACHINES = {"amd64": AMD64, "arm64": ARM64, "arm64-16k": ARM64_16K}
