# SPDX-License-Identifier: MIT
"""A machine for one test: systemd, journald, dbus and polkit, really booted, with ntc installed.

    with Machine() as m:
        m.start_ntc()
        m.run("busctl", "call", "org.ntc", "/org/ntc", "org.ntc.Blacklist", "Add", "s", FOE)
        assert m.run("id", "-un", user="member") == "member\\n"

Its root is this machine's own, below a layer of its own in memory, where `meson install` put the build that
NTC_BINARY belongs to; systemd-nspawn boots it. Its network is the host of a World: cables eth0, eth1, ... to
the peer, with all that World offers. It can be switched off and on again (power_off, boot).

Users: `member` of the group ntc, and `stranger`. Nothing of what this machine would start is started.

Everything is mounted in a mount namespace of the test's own, and the machine dies with the test's process:
however a test ends, nothing stays.
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time
import uuid

from client import Client
from process import die_with_parent, libc, run
from waiting import expect
from world import World

CLONE_NEWNS = 0x20000
MASKED = ("getty.target", "console-getty.service", "systemd-logind.service", "systemd-networkd.service",
          "systemd-networkd.socket", "systemd-resolved.service", "systemd-timesyncd.service",
          "systemd-firstboot.service", "systemd-binfmt.service", "systemd-pcrphase.service",
          "systemd-pcrphase-sysinit.service", "systemd-hwdb-update.service", "systemd-initctl.socket",
          "systemd-modules-load.service", "systemd-sysctl.service", "systemd-update-utmp.service",
          "systemd-update-utmp-runlevel.service", "systemd-random-seed.service", "timers.target",
          "machines.target", "remote-fs.target", "dev-hugepages.mount", "dev-mqueue.mount",
          "proc-sys-fs-binfmt_misc.automount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount",
          "kmod-static-nodes.service", "systemd-tmpfiles-clean.timer")
USERS = """\
u member - "May change the lists"
m member ntc
u stranger - "May not"
"""
CONFIG = """\
network:
  interfaces: [eth0]
flows:
  scan_interval_ms: 100
"""


def own_cgroup(name):
    """In each hierarchy that systemd uses: its paths, for the machine alone."""
    paths = []
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        number, controllers, path = line.split(":", 2)
        mounted = {"name=systemd": "systemd", "": "unified"}.get(controllers)
        for folder in ("/sys/fs/cgroup/" + (mounted or "-"), "/sys/fs/cgroup"):
            if mounted and os.path.exists(f"{folder}/cgroup.procs"):
                paths.append(pathlib.Path(f"{folder}{path}") / name)
                break
    return paths


class Machine(World):
    lower = "/"  # what its root is made of

    def __init__(self, cables=1, config=CONFIG, build=None):
        super().__init__(cables)
        self.ntc_config = config
        self.build = pathlib.Path(build or pathlib.Path(os.environ["NTC_BINARY"]).parent.parent)
        self.nspawn = None
        self.leader = None
        self.ntc = None

    # --- making it

    def __enter__(self):
        super().__enter__()
        try:
            self.ntc = Client(self.host)
            self.name = f"ntc-test-{os.getpid()}"
            self.make_root()
            self.cgroups = own_cgroup(self.name)
            self.boot()
        except BaseException:
            self.show_journal()
            self.clean()
            raise
        return self

    def make_root(self):
        assert libc.unshare(CLONE_NEWNS) == 0
        run("mount", "--make-rslave", "/")
        layer = self.mount_tmpfs("layer", "size=2g,mode=755")
        self.root = layer / "root"
        for name in ("upper", "work", "root"):
            (layer / name).mkdir()
        run("mount", "-t", "overlay", "-o", f"lowerdir={self.lower},upperdir={layer}/upper,workdir={layer}/work",
            "overlay", str(self.root))
        self.mounts.append(self.root)
        self.install()
        self.furnish()

    def install(self, build=None):
        """As a package would: the files, then what its scripts do."""
        run("meson", "install", "-C", str(build or self.build), "--no-rebuild", "--quiet",
            "--destdir", str(self.root), cwd="/")
        assert os.access(self.root / "usr/sbin/ntc", os.X_OK), "the build needs --prefix=/usr --sysconfdir=/etc"
        self.write("/etc/sysusers.d/test.conf", USERS)
        run("systemd-sysusers", f"--root={self.root}")
        run("journalctl", f"--root={self.root}", "--update-catalog")

    def furnish(self):
        etc = self.root / "etc"
        for wants in (etc / "systemd/system").glob("*.wants"):
            shutil.rmtree(wants)
        for unit in MASKED:
            (etc / "systemd/system" / unit).unlink(missing_ok=True)
            (etc / "systemd/system" / unit).symlink_to("/dev/null")
        for generator in ("systemd-fstab-generator", "systemd-sysv-generator", "systemd-getty-generator"):
            self.write(f"/etc/systemd/system-generators/{generator}", "")  # not executable: none
        self.write("/etc/fstab", "")
        self.write("/etc/hostname", "machine\n")
        self.write("/etc/machine-id", uuid.uuid4().hex + "\n")
        self.write("/etc/systemd/journald.conf.d/test.conf", "[Journal]\nRateLimitBurst=0\nStorage=persistent\n")
        self.write("/etc/ntc/config.yaml", self.ntc_config)
        for rules in (self.root / "etc/polkit-1/rules.d").glob("*"):
            rules.unlink()

    def write(self, path, text, mode=0o644):
        """A file of the machine."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def read(self, path):
        return (self.root / path.lstrip("/")).read_text()

    def edit(self, path, change):
        """A file's text; owner and mode stay."""
        target = self.root / path.lstrip("/")
        target.write_text(change(target.read_text()))

    # --- switching it on and off

    def boot(self, within=30.0):
        console = open(self.folder / "console.log", "ab")

        def enter_cgroup():
            die_with_parent()
            for path in self.cgroups:
                path.mkdir(exist_ok=True)
                (path / "cgroup.procs").write_text(str(os.getpid()))

        self.nspawn = subprocess.Popen(
            ["unshare", "--fork", "--pid", "--kill-child", "--mount-proc",
             "systemd-nspawn", "--quiet", "--directory", str(self.root), "--boot", "--register=no",
             "--keep-unit", "--machine", self.name, "--hostname=machine", "--capability=all",
             "--system-call-filter=bpf", "--rlimit=RLIMIT_NOFILE=65536:524288",
             f"--network-namespace-path=/run/netns/{self.host.name}", "--resolv-conf=off",
             "--timezone=off", "--link-journal=no", "--console=pipe",
             "--", "systemd.unit=multi-user.target"],
            stdin=subprocess.DEVNULL, stdout=console, stderr=console, preexec_fn=enter_cgroup)
        console.close()
        until = time.monotonic() + within
        state = ""
        while state not in ("running", "degraded"):
            assert self.nspawn.poll() is None and time.monotonic() < until, \
                f"does not boot ({state}): {(self.folder / 'console.log').read_text()[-3000:]}"
            time.sleep(0.05)
            self.leader = self.leader or self.find_leader()
            if self.leader:
                state = self.run("systemctl", "is-system-running", check=False).strip()

    def find_leader(self):
        """Its process 1, as seen from here."""
        for child in descendants(self.nspawn.pid):
            if len(numbers := numbers_of(child)) == 3 and numbers[2] == 1 and name_of(child) == "systemd":
                return child
        return None

    def power_off(self, within=30.0):
        """In order, as by `systemctl poweroff`: its signal (systemd(1)), for a command inside is one more process
        that the end has to wait for. What was written stays for the next boot()."""
        os.kill(self.leader, signal.SIGRTMIN + 4)
        expect(lambda: name_of(self.leader) in ("systemd-shutdow", ""), True, within)  # all services are stopped
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.nspawn.wait(5)
        self.pull_plug()

    def pull_plug(self):
        """All of its processes are in a pid namespace, whose first one `unshare` takes along."""
        if self.nspawn and self.nspawn.poll() is None:
            self.nspawn.kill()
            self.nspawn.wait()
        self.nspawn = self.leader = None

    # --- using it

    def command(self, *command, user="root"):
        """What runs `command` inside, as `user`."""
        enter = ["nsenter", "--target", str(self.leader), "--mount", "--uts", "--ipc", "--net", "--pid",
                 "--root", "--wd"]
        environment = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "SYSTEMD_PAGER="]
        as_user = [] if user == "root" else ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups",
                                             "--inh-caps=-all", "--bounding-set=-all"]
        return [*enter, *environment, *as_user, *map(str, command)]

    def run(self, *command, user="root", check=True, within=30.0, input=None):
        """What it prints on stdout; with check, it must succeed."""
        done = self.attempt(*command, user=user, within=within, input=input)
        assert not check or done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}"
        return done.stdout

    def attempt(self, *command, user="root", within=30.0, input=None):
        """The same; all that subprocess.run() tells."""
        return subprocess.run(self.command(*command, user=user), capture_output=True, text=True,
                              timeout=within, input=input, stdin=None if input else subprocess.DEVNULL)

    def popen(self, *command, user="root", **options):
        """A command that goes on, until the test ends at the latest."""
        child = subprocess.Popen(self.command(*command, user=user), preexec_fn=die_with_parent, **options)
        self.children.append(child)
        return child

    def systemctl(self, *arguments, **options):
        return self.run("systemctl", *arguments, **options)

    def show(self, unit, what):
        """A property of a unit."""
        return self.run("systemctl", "show", unit, "--property", what, "--value").strip()

    def drop_in(self, unit, text):
        """Adds to a unit."""
        self.write(f"/etc/systemd/system/{unit}.d/test.conf", text)
        if self.leader:
            self.systemctl("daemon-reload")

    def journal(self, *matches, unit="ntc.service"):
        """Entries as dictionaries, oldest first: journal("NTC_EVENT=list-changed")."""
        asked = list(matches) or [f"_SYSTEMD_UNIT={unit}"]
        text = self.run("journalctl", "-o", "json", "--all", "--no-pager", *asked)
        return [json.loads(line) for line in text.splitlines()]

    def start_ntc(self, sockets=True):
        """`systemctl start`, and until the first answer."""
        if sockets:
            self.systemctl("start", "ntc.socket")
        self.systemctl("start", "ntc.service")
        expect(lambda: self.ntc.request("GET", "/healthz").status, 200)
        return self.ntc

    def ntc_pid(self):
        """As seen from here; None where it doesn't run."""
        inner = self.show("ntc.service", "MainPID")
        return self.outer_pid(inner) if inner != "0" else None

    def outer_pid(self, inner):
        """Of a process of the machine, from its number there."""
        return next((pid for pid in neighbours(self.leader) if numbers_of(pid)[-1:] == [int(inner)]), None)

    # --- its end

    def show_journal(self):
        with contextlib.suppress(Exception):
            print("--- the machine's journal:", subprocess.run(
                ["journalctl", "-D", str(self.root / "var/log/journal"), "-o", "short-precise", "--no-pager",
                 "-n", "60"], capture_output=True, text=True).stdout, sep="\n")

    def __exit__(self, kind, error, trace):
        if kind is not None:
            self.show_journal()
        super().__exit__(kind, error, trace)

    def clean(self):
        self.pull_plug()
        for path in getattr(self, "cgroups", ()):
            remove_cgroup(path)
        super().clean()


def children(pid):
    with contextlib.suppress(OSError):
        return [int(child) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
                for child in (task / "children").read_text().split()]
    return []


def descendants(pid):
    """May leave one out while another one ends: proc(5), /proc/pid/task/tid/children."""
    for child in children(pid):
        yield child
        yield from descendants(child)


def neighbours(pid):
    """All in its pid namespace."""
    namespace = namespace_of(pid)
    return (other for other in map(int, filter(str.isdigit, os.listdir("/proc"))) if namespace_of(other) == namespace)


def namespace_of(pid):
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{pid}/ns/pid")
    return None


def numbers_of(pid):
    """A process' numbers, in this pid namespace and in those below."""
    with contextlib.suppress(OSError):
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                return [int(number) for number in line.split()[1:]]
    return []


def name_of(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def remove_cgroup(path):
    """With those within, once their processes are gone."""
    until = time.monotonic() + 2
    for folder in sorted(path.rglob("*/"), key=lambda found: len(found.parts), reverse=True) + [path]:
        while folder.is_dir() and time.monotonic() < until:
            try:
                folder.rmdir()
            except OSError:
                time.sleep(0.02)
