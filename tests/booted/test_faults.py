# SPDX-License-Identifier: MIT
"""Faults of what ntc leans on, while a blacklisted host sends without a break. Whatever it is: nothing is lost, nothing
is let through, it is told, and ntc recovers by itself. docs/reliability.md has the table of all of them."""
import contextlib
import os
import pathlib
import select
import socket
import time

from faults import CONFIG, FOLDER, LISTS, agree, attempt, hung, in_file, judged, told, traced
from machine import Machine, expect
from marks import hard, takes
from stream import FOE, FRIEND, HOST, dropped
from test_gap import blacklisted_stream, kill, ready
from viewer import Viewer

WITHOUT_CAPABILITY = """\
[Service]
AmbientCapabilities=
AmbientCapabilities=CAP_NET_ADMIN CAP_PERFMON
CapabilityBoundingSet=
CapabilityBoundingSet=CAP_NET_ADMIN CAP_PERFMON
"""
WITHOUT_CALL = "[Service]\nSystemCallFilter=~bpf\n"
RETRY_SEC = 4  # less than src/daemon-failure.c waits


def drops_go_on(m, stream):
    before = dropped(m.ntc)
    expect(lambda: dropped(m.ntc) > before, True)
    assert stream.leaked() == 0


def refused(m, advice):
    """When it was told that there is no eBPF, in seconds since the boot."""
    return [int(entry["__MONOTONIC_TIMESTAMP"]) / 1e6 for entry in m.journal()
            if "eBPF can't be had" in str(entry["MESSAGE"]) and advice in entry["MESSAGE"]]


def test_ebpf_refused():
    """Told with what to do, without haste; what the process before left judges on, until ntc may again."""
    with Machine() as m, blacklisted_stream(m) as stream:
        lists = m.read(LISTS)
        for drop_in, advice in ((WITHOUT_CAPABILITY, "needs root, or CAP_BPF"), (WITHOUT_CALL, "SystemCallFilter=")):
            m.drop_in("ntc.service", drop_in)
            m.systemctl("restart", "--no-block", "ntc.service")
            expect(lambda: len(told(m, advice)) > 0, True, 10)
            message = told(m, advice)[0]
            assert "still judged by the lists of the process before" in message, message
            assert m.show("ntc.service", "StatusText") == message
            assert stream.leaked() == 0 and judged(m) and m.read(LISTS) == lists
        expect(lambda: len(refused(m, advice)) > 1, True, 15)
        first, second = refused(m, advice)[:2]  # no command between these two
        assert second - first > RETRY_SEC, "a loop that burns the processor"
        m.drop_in("ntc.service", "")
        ready(m)
        drops_go_on(m, stream)
        assert agree(m) == {FOE} and judged(m)


def add_while_hung(m, unit, first):
    """None of them is answered late, for all are answered while it hangs."""
    with hung(m, unit):
        for n in range(first, first + 10):
            m.ntc.add("blacklist", f"192.0.2.{n}")


def test_services_hang_and_restart():
    """The bus, polkit and the journal: ntc goes on without, and with them when they are back."""
    with Machine() as m, blacklisted_stream(m) as stream:
        pid = m.ntc_pid()
        for n, unit in enumerate(("dbus.service", "polkit.service", "systemd-journald.service")):
            m.systemctl("start", unit)
            add_while_hung(m, unit, 20 * n)
            drops_go_on(m, stream)
            m.systemctl("restart", unit)
            for k in range(20 * n + 10, 20 * n + 20):
                m.ntc.add("blacklist", f"192.0.2.{k}")
            drops_go_on(m, stream)
        assert agree(m) == {FOE, *(f"192.0.2.{n}" for n in range(60))}
        assert m.ntc_pid() == pid and m.show("ntc.service", "NRestarts") == "0"
        expect(lambda: len(m.journal("NTC_EVENT=list-changed")), 61, 10)
        call = ("busctl", "call", "org.ntc", "/org/ntc", "org.ntc.Blacklist", "Add", "s")
        expect(lambda: m.attempt(*call, "203.0.113.8").stdout, "b true\n", 20)
        assert "Access denied" in m.attempt(*call, "203.0.113.9", user="stranger").stderr


def connect(namespace, count, address, target):
    """Connections that say nothing; of those for which there is no room soon nothing is left."""
    streams = []
    for _ in range(count):
        stream = namespace.socket(socket.AF_INET)
        stream.setblocking(False)
        stream.bind((address, 0))
        with contextlib.suppress(BlockingIOError):
            stream.connect((target, 8086))
        streams.append(stream)
    select.select([], streams[-1:], [], 1)
    return streams


def test_few_descriptors():
    """Connections use up all that there are for them; edits and drops go on, and so does the writing of the lists."""
    with Machine() as m:
        m.drop_in("ntc.service", "[Service]\nLimitNOFILE=128\n")
        with blacklisted_stream(m) as stream, contextlib.ExitStack() as stack:
            assert told(m, "Only 128 of the"), "not told"
            limits = {name: m.ntc.metrics().sum("ntc_http_limit", limit=name)
                      for name in ("connections", "connections_reserve")}
            assert limits == {"connections": 48, "connections_reserve": 16}
            for n in range(12):  # who watches is not cut off to make room
                stack.enter_context(Viewer(m.peer, 8086, True, "", HOST, (FRIEND, "10.77.0.5")[n % 2]).socket)
            for address, target, namespace in ((FRIEND, HOST, m.peer), ("10.77.0.5", HOST, m.peer),
                                               ("127.0.0.1", "127.0.0.1", m.host)):
                for one in connect(namespace, 100, address, target):
                    stack.enter_context(one)
            for n in range(20):
                m.ntc.add("blacklist", f"192.0.2.{n}")
            metrics = m.ntc.metrics()
            assert metrics.sum("ntc_http_connections_cut_total", reason="room") > 100
            assert metrics.sum("process_open_fds") < metrics.sum("process_max_fds") == 128
            assert metrics.sum("ntc_storage_failures_total") == 0
            drops_go_on(m, stream)
            stack.close()
            expect(lambda: m.ntc.metrics().sum("ntc_http_connections") <= 2, True, 10)
            assert agree(m) == {FOE, *(f"192.0.2.{n}" for n in range(20))}
            assert m.show("ntc.service", "NRestarts") == "0"


def edit_is_killed(m, stream, call, nth, ip):
    """SIGKILL when the write is about to do that call. Returns whether the edit survived."""
    pid = m.ntc_pid()
    with traced(m, "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={nth}"):
        assert not attempt(m, ip), f"{call} {nth}: answered, and not killed"
    expect(lambda: m.ntc_pid() not in (None, pid), True, 10)
    ready(m)
    entries = agree(m)
    assert stream.leaked() == 0, f"{call} {nth}"
    return ip in entries


def calls_of_a_write(m, ip):
    """[(name, how many of that name so far)]"""
    with traced(m) as strace:
        m.ntc.add("blacklist", ip)
        time.sleep(0.1)  # what comes after the answer, if anything
    names = strace.calls()
    return [(name, names[:i + 1].count(name)) for i, name in enumerate(names)]


@hard
@takes(120)
def test_killed_at_each_call_of_a_write():
    """The list is the old one or the new one, in file, memory and kernel, and what was answered is in it."""
    with Machine(config=CONFIG) as m, blacklisted_stream(m) as stream:
        calls = calls_of_a_write(m, "203.0.113.1")
        print(calls)
        names = {name for name, _ in calls}
        assert {"unlink", "openat", "write", "fsync", "renameat2"} <= names and len(calls) >= 8, calls
        known, survived = {FOE, "203.0.113.1"}, []
        for n, (call, nth) in enumerate(calls):
            ip = f"192.0.2.{n}"
            survived.append(edit_is_killed(m, stream, call, nth, ip))
            known |= {ip} if survived[-1] else set()
            assert set(m.ntc.entries("blacklist")) == known, (call, nth)
            assert m.ntc.entries("blacklist")[FOE]["packets"] > 0, "and so is what was counted"
        placed = calls.index(("renameat2", 1))
        assert survived == [n > placed for n in range(len(calls))], "the exchange of the two files decides"
        m.ntc.add("blacklist", "203.0.113.2")
        assert os.listdir(m.root / FOLDER[1:]) == ["lists.json"], "nothing is left over"
        assert agree(m) == {*known, "203.0.113.2"}
        assert m.show("ntc.service", "NRestarts") == str(len(calls))
        assert len(told(m, "status=9/KILL")) == len(calls)
        assert len(m.journal("NTC_EVENT=state-recovered")) == survived.count(False), "the kernel had more than the file"


@hard
@takes(120)
def test_killed_at_the_first_write():
    """There was no file: there is one with all of it, or none."""
    with Machine(config=CONFIG) as m:
        for call, nth, wanted in (("openat", 1, False), ("rename", 1, False), ("fsync", 2, True)):
            m.systemctl("stop", "ntc.service", "ntc.socket")
            (m.root / LISTS[1:]).unlink(missing_ok=True)
            m.start_ntc()
            pid = m.ntc_pid()
            with traced(m, "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={nth}"):
                assert not attempt(m, FOE), call
            expect(lambda: m.ntc_pid() not in (None, pid), True, 10)
            ready(m)
            assert (FOE in m.ntc.entries("blacklist")) is wanted, call
            assert m.udp(m.peer, FOE, m.host, HOST) is not wanted, call
            assert not wanted or in_file(m) == {FOE}


def mount_disk(m):
    """A small one for the lists alone, before ntc is started."""
    m.run("install", "-d", "-o", "ntc", "-g", "ntc", "-m", "750", "/var/lib/ntc", FOLDER)
    m.run("mount", "-t", "tmpfs", "-o", "size=64k,uid=ntc,gid=ntc,mode=750", "tmpfs", FOLDER)


def refuses(m, stream, ip):
    answer = m.ntc.request("POST", "/blacklist", {"ip": ip})
    assert answer.status in (500, 507) and answer.json["error"] == "storage", answer.text
    drops_go_on(m, stream)
    assert agree_on_disk(m) == {FOE}


def agree_on_disk(m):
    """As agree(), of a file that only the machine sees."""
    entries = set(m.ntc.entries("blacklist"))
    text = m.run("cat", LISTS)
    assert all(f'"{ip}"' in text for ip in entries) and text.count('"ip"') == len(entries)
    return entries


@hard
def test_full_and_read_only_disk():
    """Edits are refused and told; the lists stay in force, over a restart, too; and it goes by when the disk does."""
    with Machine() as m:
        mount_disk(m)
        with blacklisted_stream(m) as stream:
            m.run("dd", "if=/dev/zero", f"of={FOLDER}/filler", "bs=4k", check=False)
            refuses(m, stream, "203.0.113.1")
            m.systemctl("restart", "ntc.service")
            ready(m)
            refuses(m, stream, "203.0.113.4")
            m.run("rm", f"{FOLDER}/filler")
            m.ntc.add("blacklist", "203.0.113.2")
            m.ntc.remove("blacklist", "203.0.113.2")
            m.run("mount", "-o", "remount,ro", FOLDER)
            refuses(m, stream, "203.0.113.3")
            m.run("mount", "-o", "remount,rw", FOLDER)
            m.ntc.add("blacklist", "203.0.113.5")
            assert agree_on_disk(m) == {FOE, "203.0.113.5"}
            failures = m.journal("NTC_EVENT=storage-failed")
            assert len(failures) == 3 and all(entry["NTC_PATH"].endswith("/lists.json") for entry in failures), failures
            assert "No space left" in failures[0]["MESSAGE"] and "Read-only" in failures[2]["MESSAGE"]
            drops_go_on(m, stream)


def limit_memory(m, pid, size):
    """What MemoryMax= does, for what a process takes from now on: a group of its own, outside the machine."""
    own = next(line.strip().split(":", 2)[2] for line in open("/proc/self/cgroup") if ":memory:" in line or line[:3] == "0::")
    legacy = os.path.isdir("/sys/fs/cgroup/memory")
    group = pathlib.Path("/sys/fs/cgroup/memory" if legacy else "/sys/fs/cgroup", own.lstrip("/"), f"{m.name}-memory")
    group.mkdir(exist_ok=True)
    m.cgroups.append(group)  # goes with the machine
    (group / ("memory.limit_in_bytes" if legacy else "memory.max")).write_text(str(size))
    (group / "cgroup.procs").write_text(str(pid))


@hard
def test_out_of_memory():
    """Killed by the kernel: started again, with lists and counters, and without a gap."""
    with Machine() as m, blacklisted_stream(m) as stream:
        m.ntc.add("blacklist", "203.0.113.1", comment="kept")
        pid, before = m.ntc_pid(), dropped(m.ntc)
        limit_memory(m, pid, 4 << 20)
        m.write("/etc/ntc/blacklist.d/large.list", "".join(f"198.{18 + (n >> 16)}.{n >> 8 & 255}.{n & 255}\n"
                                                           for n in range(60000)))
        m.systemctl("reload", "--no-block", "ntc.service")
        expect(lambda: m.ntc_pid() not in (None, pid), True, 20)
        ready(m)
        assert stream.leaked() == 0 and dropped(m.ntc) > before
        expect(lambda: m.ntc.metrics().sum("ntc_list_entries", list="blacklist"), 60002, 20)
        assert in_file(m) == {FOE, "203.0.113.1"}
        assert m.ntc.metrics().sum("ntc_accounting_drift_packets") == 0
        assert told(m, "status=9/KILL"), "the manager tells it"
        drops_go_on(m, stream)


@hard
def test_interfaces_and_kills():
    """Deleted and made anew, moved away and back, renamed, each followed by a kill: the next process watches it."""
    with Machine() as m, blacklisted_stream(m) as stream:
        kept = m.show("ntc.service", "NFileDescriptorStore")

        def anew():
            m.host.ip("link", "delete", "eth0")
            m.host.ip("link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", m.peer.name)
            m.bring_up(0)

        def away_and_back():
            m.host.ip("link", "set", "eth0", "netns", m.peer.name, "name", "visitor")
            m.peer.ip("link", "set", "visitor", "netns", m.host.name, "name", "eth0")
            m.host.ip("address", "add", "10.77.0.1/24", "dev", "eth0")
            m.host.ip("link", "set", "eth0", "up")

        def under_another_name_and_back():
            for name, other in (("eth0", "lan0"), ("lan0", "eth0")):
                m.host.ip("link", "set", name, "down")
                m.host.ip("link", "set", name, "name", other)
            m.host.ip("link", "set", "eth0", "up")

        for change in (anew, away_and_back, under_another_name_and_back):
            change()
            expect(lambda: (sum(m.ntc.metrics().values("ntc_attached", interface="eth0")), judged(m)), (2, True))
            stream.leaked()  # what came through before ntc could know of the interface
            kill(m, m.ntc_pid())
            expect(lambda: judged(m), True)
            assert stream.leaked() == 0, change.__name__
        expect(lambda: m.show("ntc.service", "NFileDescriptorStore"), kept)
        assert m.journal("NTC_EVENT=detached") and agree(m) == {FOE}
