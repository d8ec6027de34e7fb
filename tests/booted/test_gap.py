# SPDX-License-Identifier: MIT
"""From one process to the next: a stream from a blacklisted host runs throughout, and none of it arrives."""
import contextlib
import os
import shutil
import signal
import socket
import threading
import time

import variants
from machine import Machine, expect
from stream import FOE, FRIEND, HOST, Stream, dropped


class Growth:
    """Scrapes for as long as it is open: no counter may ever fall."""

    def __init__(self, ntc):
        self.ntc = ntc
        self.last = {}
        self.fallen = []
        self.scrapes = 0
        self.running = True
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while self.running:
            with contextlib.suppress(OSError, AssertionError, socket.timeout):
                for name, labels, value in self.ntc.metrics().samples:
                    if name in ("ntc_packets_total", "ntc_bytes_total"):
                        key = (name, *sorted(labels.items()))
                        if value < self.last.get(key, 0):
                            self.fallen.append((key, self.last[key], value))
                        self.last[key] = value
                self.scrapes += 1
            time.sleep(0.02)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.running = False
        self.thread.join()


class Talk:
    """A TCP connection of others, on which a byte goes back and forth."""

    def __init__(self, m):
        self.listener = m.listen(m.host, HOST, 7000)
        self.out = m.connect(m.peer, FRIEND, HOST, 7000)
        self.accepted, _ = self.listener.accept()
        self.accepted.settimeout(5)

    def goes_on(self):
        self.out.sendall(b"a")
        self.accepted.sendall(self.accepted.recv(1))
        return self.out.recv(1) == b"a"

    def close(self):
        for end in (self.out, self.accepted, self.listener):
            end.close()


@contextlib.contextmanager
def blacklisted_stream(m):
    """Blocks FOE, seen to arrive before; in the end nothing may have arrived and all must be counted."""
    ntc = m.start_ntc()
    with Stream(m) as stream:
        expect(lambda: stream.leaked() > 0, True)
        ntc.add("blacklist", FOE)
        time.sleep(0.2)
        stream.leaked()
        yield stream
        assert stream.leaked() == 0


def ready(m):
    expect(lambda: m.run("systemctl", "is-active", "ntc.service", check=False).strip(), "active", within=30)
    return m.ntc_pid()


def kill(m, pid, number=signal.SIGKILL):
    os.kill(pid, number)
    expect(lambda: m.ntc_pid() not in (None, pid), True, within=30)
    return ready(m)


def replace_binary(m, program):
    """As a package does: another file takes the place of the old one."""
    shutil.copy2(program, m.root / "usr/sbin/ntc.new")
    (m.root / "usr/sbin/ntc.new").rename(m.root / "usr/sbin/ntc")
    return m.systemctl("restart", "ntc.service")


def listens_at(m):
    return {line.split()[3] for line in m.run("ss", "-Hltn").splitlines() if ":8086" in line}


def test_moved_sockets():
    """As docs/systemd.md tells it."""
    with Machine() as m, blacklisted_stream(m):
        assert listens_at(m) == {"*:8086"}
        m.drop_in("ntc.socket", "[Socket]\nListenStream=\nListenStream=127.0.0.2:8086\nListenStream=/run/ntc/http.sock\n")
        m.systemctl("stop", "ntc.socket")
        m.systemctl("restart", "ntc.service")
        assert listens_at(m) == {"127.0.0.2:8086"}
        assert m.run("curl", "-s", "--unix-socket", "/run/ntc/http.sock", "http://localhost/healthz", user="member")

        m.edit("/etc/ntc/config.yaml", lambda text: text + "server:\n  listen: [127.0.0.1]\n")
        m.systemctl("restart", "ntc.service")
        assert listens_at(m) == {"127.0.0.2:8086"}
        expect(lambda: any("server.listen is not used" in entry["MESSAGE"] for entry in m.journal()), True)
        m.systemctl("mask", "--now", "ntc.socket")
        m.systemctl("restart", "ntc.service")
        assert listens_at(m) == {"127.0.0.1:8086"}


def test_restart_kill_upgrade_and_reload():
    with Machine() as m, blacklisted_stream(m) as stream, Growth(m.ntc) as growth:
        talk = Talk(m)
        for step in (lambda: m.systemctl("restart", "ntc.service"),
                     lambda: kill(m, m.ntc_pid()),
                     lambda: m.systemctl("reload", "ntc.service"),
                     lambda: replace_binary(m, variants.program("upgraded")),
                     lambda: kill(m, m.ntc_pid(), signal.SIGABRT),
                     lambda: m.systemctl("restart", "ntc.service")):
            before, scrapes = dropped(m.ntc), growth.scrapes
            step()
            ready(m)
            assert stream.leaked() == 0
            assert talk.goes_on()
            expect(lambda: dropped(m.ntc) > before and growth.scrapes > scrapes, True)
        assert "9.9.9" in m.ntc.request("GET", "/status").text, "the later version runs"
        assert m.run("busctl", "get-property", "org.ntc", "/org/ntc", "org.ntc.Manager", "Version") == 's "9.9.9"\n'
        stream.stop()
        assert growth.fallen == []
        expect(lambda: m.ntc.entries("blacklist")[FOE]["packets"] - dropped(m.ntc), 0)
        assert m.ntc.metrics().sum("ntc_accounting_drift_packets") == 0
        talk.close()


def test_every_packet_is_counted_over_restarts():
    with Machine() as m:
        ntc = m.start_ntc()
        ntc.add("blacklist", FOE)
        with Stream(m) as stream:
            time.sleep(0.2)
            m.systemctl("restart", "ntc.service")
            kill(m, ready(m))
            replace_binary(m, variants.program("upgraded"))
            stream.stop()
            assert stream.leaked() == 0
        expect(lambda: dropped(m.ntc), stream.sent)
        assert m.ntc.entries("blacklist")[FOE]["packets"] == stream.sent


def test_another_abi_of_the_maps():
    with Machine() as m, blacklisted_stream(m) as stream:
        talk = Talk(m)
        for program in (variants.program("relaid"), m.build / "src/ntc"):
            replace_binary(m, program)
            ready(m)
            before = dropped(m.ntc)
            expect(lambda: dropped(m.ntc) > before, True)
            assert stream.leaked() == 0
            assert talk.goes_on()
        talk.close()


def test_twenty_kills_in_ten_seconds():
    with Machine() as m, blacklisted_stream(m) as stream:
        killed = 0
        begin = time.monotonic()
        while time.monotonic() < begin + 10:
            pid = m.ntc_pid()
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed += 1
            time.sleep(max(0, begin + 0.5 * killed - time.monotonic()) or 0.02)
        assert killed >= 20
        ready(m)
        before = dropped(m.ntc)
        expect(lambda: dropped(m.ntc) > before, True)
        assert stream.leaked() == 0
        assert m.show("ntc.service", "Result") == "success"
        assert m.show("ntc.socket", "ActiveState") == "active"
        assert m.attempt("test", "-S", "/run/ntc/http.sock").returncode == 0


def test_watchdog_ends_a_stopped_process():
    with Machine() as m:
        m.drop_in("ntc.service", "[Service]\nWatchdogSec=2\n")
        with blacklisted_stream(m) as stream:
            pid = m.ntc_pid()
            os.kill(pid, signal.SIGSTOP)
            expect(lambda: m.ntc_pid() not in (None, pid), True, within=30)
            ready(m)
            assert int(m.show("ntc.service", "NRestarts")) == 1
            assert stream.leaked() == 0
            before = dropped(m.ntc)
            expect(lambda: dropped(m.ntc) > before, True)
            assert any("Watchdog timeout" in entry["MESSAGE"] for entry in m.journal("UNIT=ntc.service"))


def test_lists_of_kernel_and_file_are_compared():
    with Machine() as m:
        ntc = m.start_ntc()
        ntc.add("blacklist", FOE)
        ntc.add("blacklist", "203.0.113.9")
        m.drop_in("ntc.service", "[Service]\nRestartSec=1500ms\n")
        os.kill(m.ntc_pid(), signal.SIGKILL)
        expect(lambda: m.ntc_pid(), None)
        path = "/var/lib/ntc/data/lists.json"
        assert m.read(path).count(FOE) == 1
        m.edit(path, lambda text: text.replace(FOE, FRIEND))
        ready(m)
        assert set(m.ntc.entries("blacklist")) == {FRIEND, "203.0.113.9"}
        assert m.udp(m.peer, FOE, m.host, HOST) and not m.udp(m.peer, FRIEND, m.host, HOST)
        told = [entry["MESSAGE"] for entry in m.journal("NTC_EVENT=state-recovered")]
        assert len(told) == 1 and "1 entries added, 1 removed" in told[0], told
