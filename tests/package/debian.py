# SPDX-License-Identifier: MIT
"""A machine with nothing but a minimal Debian 12 on it, to install the package in.

    with DebianMachine() as m:
        m.install_package(package())

Its root is made by mmdebstrap when this file is run, from the sources that this machine's apt has, and kept below
build-package/ for as long as they and the package's dependencies are the same; so are the packages it will ask for, in its apt's own cache: booted, it has no way to the internet.
"""
import hashlib
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/booted"), str(ROOT / "tests/system")]
import variants
from machine import Machine, run

BUILD = ROOT / "build-package"
SUITE = "bookworm"
# Beside what ntc depends on: what the tests ask with, and what makes it the Pi of test_deploy.py.
WANTED = ["polkitd", "curl", "openssh-server", "sudo"]


def package(arch=None):
    """The path of what scripts/package.sh has built."""
    arch = arch or run("dpkg", "--print-architecture").strip()
    found = sorted((BUILD / arch).glob(f"ntc_*_{arch}.deb"))
    assert len(found) == 1, f"scripts/package.sh {arch} has built {found}"
    return found[0]


def later_package(where):
    """The next version, in the folder `where`: tests/variants.py's program, with another eBPF program within."""
    folder, target = where / "later", where / "ntc_9.9.9.deb"
    run("dpkg-deb", "--raw-extract", str(package()), str(folder))
    shutil.copy2(variants.program("upgraded"), folder / "usr/sbin/ntc")
    control = folder / "DEBIAN/control"
    control.write_text("".join("Version: 9.9.9\n" if line.startswith("Version:") else line
                               for line in control.read_text().splitlines(keepends=True)))
    run("dpkg-deb", "--root-owner-group", "--build", str(folder), str(target))
    return target


def sources():
    """This machine's sources of Debian itself, a line each."""
    found = run("apt-get", "indextargets", "--format", "deb $(REPO_URI) $(RELEASE) $(COMPONENT)",
                "Created-By: Packages", "Origin: Debian")
    return sorted(set(found.splitlines()))


def make_root():
    """The folder; made anew where the package's dependencies or the sources have changed."""
    root, stamp = BUILD / "root", BUILD / "root.stamp"
    state = "\n".join([*sources(), run("dpkg-deb", "--field", str(package()), "Depends"), *WANTED])
    digest = hashlib.sha256(state.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return root
    stamp.unlink(missing_ok=True)
    shutil.rmtree(root, ignore_errors=True)
    download = f"apt-get -o APT::Install-Recommends=true install --yes --download-only -qq /root/ntc.deb {' '.join(WANTED)}"
    done = subprocess.run(
        ["mmdebstrap", "--variant=minbase", "--include=systemd-sysv", "--skip=cleanup/apt,cleanup/reproducible",
         f"--customize-hook=copy-in {package()} /root", f"--customize-hook=mv $1/root/ntc_*.deb $1/root/ntc.deb",
         f'--customize-hook=chroot "$1" {download}', "--customize-hook=rm $1/root/ntc.deb",
         SUITE, str(root), "-"],
        input="\n".join(sources()), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    stamp.write_text(digest)
    return root


class DebianMachine(Machine):
    lower = BUILD / "root"

    def make_root(self):
        self.host.ip("route", "add", "default", "via", "10.77.0.2")  # for `interfaces: [auto]`
        super().make_root()

    def install(self, build=None):
        """Nothing: that is for the tests to do."""

    def furnish(self):
        super().furnish()
        shutil.rmtree(self.root / "etc/ntc")
        self.write("/etc/resolv.conf", "")

    def apt(self, *arguments, check=True):
        """As an administrator would; what it downloads is in its cache already."""
        done = self.attempt("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--yes", "-qq", *arguments,
                            within=80)
        assert not check or done.returncode == 0, f"apt-get {arguments}: {done.stdout}{done.stderr}"
        return done

    def install_package(self, path, *options):
        target = self.root / "root" / path.name
        shutil.copy2(path, target)
        return self.apt("install", *options, f"/root/{path.name}")


if __name__ == "__main__":
    print(make_root())
