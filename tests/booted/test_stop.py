# SPDX-License-Identifier: MIT
"""Stopped is stopped: nothing of ntc's is left in the kernel, and nobody but the administrator starts it."""
import os
import re
import signal
import struct
import time

from kernel import TCX_EGRESS, TCX_INGRESS, CountingProgram, bpf, tcx_programs
from machine import CONFIG, Machine, expect
from stream import FOE, HOST, Stream
from test_gap import kill, ready

BY_ID = {"map": 14, "prog": 13, "link": 30}  # BPF_*_GET_FD_BY_ID
CLSACT = CONFIG.replace("network:\n", "network:\n  tcx: false\n")


def kernel_objects(pid):
    """(kind, id) of all that a process holds of eBPF."""
    found = set()
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        with open(f"/proc/{pid}/fdinfo/{fd}") as info:
            found |= {(kind, int(number)) for kind, number in re.findall(r"^(map|prog|link)_id:\s*(\d+)", info.read(), re.M)}
    return found


def alive(objects):
    left = []
    for kind, number in objects:
        try:
            fd, _ = bpf(BY_ID[kind], struct.pack("<I", number))
        except OSError:
            continue
        os.close(fd)
        left.append((kind, number))
    return left


def filters(m):
    text = m.host.run("tc", "filter", "show", "dev", "eth0", "ingress") + m.host.run(
        "tc", "filter", "show", "dev", "eth0", "egress")
    return sorted(set(re.findall(r"\b(ntc_\w+|foreign|bytecode)\b", text)))


def add_foreign_filter(m):
    """Of another one, at another priority; classic BPF that has no opinion."""
    m.host.run("tc", "qdisc", "add", "dev", "eth0", "clsact")
    m.host.run("tc", "filter", "add", "dev", "eth0", "ingress", "pref", "7", "bpf", "direct-action",
               "bytecode", "1,6 0 0 4294967295")


def test_nothing_is_left_after_a_stop():
    with Machine() as m:
        foreign = CountingProgram(-1).attach(m.host, "eth0", TCX_INGRESS)
        add_foreign_filter(m)
        m.start_ntc().add("blacklist", FOE)
        kill(m, m.ntc_pid())
        m.systemctl("restart", "ntc.service")
        assert len(tcx_programs(m.host, "eth0", TCX_INGRESS)) == 2
        objects = kernel_objects(m.ntc_pid())
        assert len([kind for kind, _ in objects if kind == "map"]) > 5 and alive(objects)
        assert not m.udp(m.peer, FOE, m.host, HOST)
        m.systemctl("stop", "ntc.service")
        assert tcx_programs(m.host, "eth0", TCX_INGRESS) == ["foreign"]
        assert tcx_programs(m.host, "eth0", TCX_EGRESS) == []
        assert filters(m) == ["bytecode"]
        expect(lambda: alive(objects), [], within=10)
        before = foreign.count()
        assert m.udp(m.peer, FOE, m.host, HOST) and foreign.count() > before
        assert m.show("ntc.service", "NFileDescriptorStore") == "0"
        foreign.close()


def test_without_tcx_no_gap_and_nothing_left():
    with Machine(config=CLSACT) as m:
        add_foreign_filter(m)
        ntc = m.start_ntc()
        assert '"hook":"clsact"' in ntc.request("GET", "/status").text
        ntc.add("blacklist", FOE)
        with Stream(m) as stream:
            for step in (lambda: kill(m, m.ntc_pid()), lambda: m.systemctl("restart", "ntc.service"),
                         lambda: kill(m, m.ntc_pid(), signal.SIGABRT)):
                step()
                ready(m)
                time.sleep(0.5)
                assert stream.sent > 0 and stream.leaked() == 0
            assert filters(m) == ["bytecode", "ntc_egress", "ntc_ingress"]
            m.systemctl("stop", "ntc.service")
            expect(lambda: stream.leaked() > 0, True)
        expect(lambda: filters(m), ["bytecode"])


def test_a_killed_one_is_cleaned_up_by_stop():
    """Stopped while systemd waits to start it again."""
    with Machine(config=CLSACT) as m:
        m.drop_in("ntc.service", "[Service]\nRestartSec=60\n")
        m.start_ntc().add("blacklist", FOE)
        os.kill(m.ntc_pid(), signal.SIGKILL)
        expect(lambda: m.show("ntc.service", "SubState"), "auto-restart")
        time.sleep(0.5)
        assert not m.udp(m.peer, FOE, m.host, HOST), "still blocked while it is down"
        m.systemctl("stop", "ntc.service")
        expect(lambda: filters(m), [])
        assert m.udp(m.peer, FOE, m.host, HOST)


def test_stays_stopped_under_callers():
    with Machine() as m:
        m.start_ntc()
        m.systemctl("stop", "ntc.service")
        until = time.monotonic() + 3
        while time.monotonic() < until:
            for command in (("curl", "-sS", "http://localhost:8086/metrics"),
                            ("curl", "-sS", "--unix-socket", "/run/ntc/http.sock", "http://localhost/metrics"),
                            ("busctl", "call", "org.ntc", "/org/ntc", "org.ntc.Blacklist", "List")):
                assert m.attempt(*command).returncode != 0, command
        for unit in ("ntc.service", "ntc.socket"):
            assert m.show(unit, "ActiveState") == "inactive", unit
        m.start_ntc()
        assert m.show("ntc.socket", "ActiveState") == "active"
