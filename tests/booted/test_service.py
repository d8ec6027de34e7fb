# SPDX-License-Identifier: MIT
"""ntc as a service of systemd: its sockets, its user, its sandbox, what the journal says."""
import json
import re

from machine import Machine, expect
from stream import FOE, HOST

SOCKET = "/run/ntc/http.sock"
CAPABILITIES = sum(1 << bit for bit in (12, 38, 39))  # NET_ADMIN, PERFMON, BPF
EXPOSURE_MAX = 2.0


def post(m, user, ip):
    """The status of an attempt to block `ip` over the unix socket."""
    done = m.attempt("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", SOCKET,
                     "-H", "Content-Type: application/json", "-d", json.dumps({"ip": ip}),
                     "http://localhost/blacklist", user=user)
    return done.stdout


def test_first_connection_starts_it():
    with Machine() as m:
        m.systemctl("start", "ntc.socket")
        assert m.ntc_pid() is None
        assert m.run("curl", "-s", "http://localhost:8086/healthz", user="stranger")
        assert m.show("ntc.service", "ActiveState") == "active"
        m.systemctl("stop", "ntc.service")
        m.systemctl("start", "ntc.socket")
        assert m.ntc_pid() is None
        assert m.run("curl", "-s", "--unix-socket", SOCKET, "http://localhost/healthz", user="member")
        assert m.show("ntc.service", "ActiveState") == "active"
        assert m.run("curl", "-s", "http://[::1]:8086/healthz", user="stranger"), "IPv6, too"


def test_member_and_stranger_at_the_unix_socket():
    with Machine() as m:
        ntc = m.start_ntc()
        assert m.run("stat", "-c", "%a %G", SOCKET) == "660 ntc\n"
        assert post(m, "member", "203.0.113.7") == "200"
        assert post(m, "stranger", "203.0.113.8") == "000", "can't even connect"
        assert post(m, "root", "203.0.113.9") == "200"
        assert set(ntc.entries("blacklist")) == {"203.0.113.7", "203.0.113.9"}
        member = m.run("id", "-u", "member").strip()
        expect(lambda: len(m.journal("NTC_EVENT=list-changed")), 2)
        entry = m.journal("NTC_EVENT=list-changed", "NTC_ADDRESS=203.0.113.7")[0]
        assert (entry["NTC_UID"], entry["NTC_TRANSPORT"], entry["_COMM"]) == (member, "unix", "ntc")
        assert m.journal("NTC_EVENT=list-changed", f"NTC_UID={member}") == [entry]


def test_without_the_socket_unit():
    with Machine() as m:
        m.systemctl("mask", "ntc.socket")
        ntc = m.start_ntc(sockets=False)
        ntc.add("blacklist", FOE)
        assert not m.udp(m.peer, FOE, m.host, HOST)
        m.systemctl("restart", "ntc.service")
        expect(lambda: set(ntc.entries("blacklist")), {FOE})
        m.systemctl("stop", "ntc.service")
        assert m.udp(m.peer, FOE, m.host, HOST)


def test_starts_at_boot_and_keeps_the_lists():
    with Machine() as m:
        m.systemctl("enable", "ntc.service")
        m.start_ntc().add("blacklist", FOE)
        m.power_off()
        assert m.udp(m.peer, FOE, m.host, HOST), "nothing of it is left when the machine is off"
        m.boot()
        expect(lambda: m.show("ntc.service", "ActiveState"), "active")
        assert m.show("ntc.socket", "ActiveState") == "active"
        assert not m.udp(m.peer, FOE, m.host, HOST)
        assert set(m.ntc.entries("blacklist")) == {FOE}


def test_sandbox():
    with Machine() as m:
        m.start_ntc().add("blacklist", FOE)
        text = m.run("systemd-analyze", "security", "--no-pager", "ntc.service")
        exposure = float(re.search(r"Overall exposure level for ntc.service: (\d+\.\d+)", text)[1])
        print("exposure:", exposure)
        assert exposure <= EXPOSURE_MAX, text
        with open(f"/proc/{m.ntc_pid()}/status") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        user = m.run("id", "-u", "ntc").strip()
        assert status["Uid"].split() == [user] * 4 and user != "0"
        for kind in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
            assert int(status[kind], 16) == CAPABILITIES, f"{kind} {status[kind]}"
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
        # And with all that the packets are judged, counted and shown.
        assert '"mode":"bpf"' in m.ntc.request("GET", "/status").text
        assert not m.udp(m.peer, FOE, m.host, HOST)
        expect(lambda: m.ntc.packets(action="DROP"), 1)
        assert m.journal("SYSLOG_IDENTIFIER=ntc", "PRIORITY=3") == [], "errors"


def test_journal_explains():
    with Machine() as m:
        m.start_ntc().add("blacklist", "203.0.113.7", comment="a test")
        expect(lambda: len(m.journal("NTC_EVENT=list-changed")), 1)
        text = m.run("journalctl", "-t", "ntc", "-x", "--no-pager")
        assert "Subject: The blacklist was changed: 203.0.113.7" in text, text
        assert "Its entries before: 0, now: 1." in text, text
        assert "journalctl -t ntc NTC_ADDRESS=203.0.113.7" in text
        entry = json.loads(m.run("journalctl", "-t", "ntc", "-o", "json", "NTC_EVENT=list-changed",
                                 "NTC_ADDRESS=203.0.113.7"))
        assert entry["NTC_COMMENT"] == "a test" and entry["SYSLOG_IDENTIFIER"] == "ntc"
        assert "NTC_EVENT" not in m.run("journalctl", "-t", "ntc", "-o", "cat"), "fields are no text"
