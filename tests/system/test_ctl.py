# SPDX-License-Identifier: MIT
"""ntcctl against a real daemon with synthetic traffic, on a bus of its own."""
import contextlib
import fcntl
import ipaddress
import json
import os
import pathlib
import pty
import re
import select
import struct
import subprocess
import termios
import time

from marks import once
from private_bus import NOBODY, PrivateBus
from waiting import expect
from world import World

NTCCTL = pathlib.Path(os.environ.get("NTC_BINARY", "")).parent / "ctl/ntcctl"
SOURCE = pathlib.Path(__file__).parents[2]
BUSY = "mock:\n  rate: 1000\n  seed: 7\n"


class Done:
    def __init__(self, process):
        self.status, self.out, self.err = process.returncode, process.stdout, process.stderr

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def rows(self):
        return [line.split() for line in self.out.splitlines()]


class Client:
    def __init__(self, world):
        self.inside = ["ip", "netns", "exec", world.host.name]

    def __call__(self, *arguments, uid=0):
        def become():
            if uid:
                os.setgroups([])
                os.setgid(uid)
                os.setuid(uid)
        command = [*self.inside] if uid == 0 else []
        return Done(subprocess.run([*command, str(NTCCTL), *arguments], preexec_fn=become, text=True,
                                   stdin=subprocess.DEVNULL, capture_output=True, timeout=60))

    def good(self, *arguments):
        done = self(*arguments)
        assert done.status == 0 and done.err == "", f"{arguments}: {done.status} {done.out}{done.err}"
        return done


@contextlib.contextmanager
def running(extra=BUSY):
    with World(cables=0) as world, PrivateBus(world) as bus:
        ntc = bus.start(extra=extra)
        yield Client(world), ntc, bus


class Terminal:
    """ntcctl on a terminal of its own, 40 lines of 160 columns."""

    def __init__(self, client, *arguments, columns=160, **environment):
        self.text = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update({"TERM": "xterm", **environment})
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
            os.execvp(client.inside[0], [*client.inside, str(NTCCTL), *arguments])

    def read(self, within=0.1):
        if select.select([self.fd], [], [], within)[0]:
            with contextlib.suppress(OSError):  # EIO: the other side has ended
                self.text += os.read(self.fd, 65536).decode(errors="replace")

    def wait_for(self, wanted, within=15.0):
        until = time.monotonic() + within
        while wanted not in self.text:
            assert time.monotonic() < until, f"no {wanted!r} in {self.text!r}"
            self.read()

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def end(self):
        until = time.monotonic() + 15
        while True:
            self.read()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.read(0)
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
            assert time.monotonic() < until, self.text


def test_status_and_tables():
    with running() as (ctl, ntc, _):
        expect(lambda: len(ctl.good("flows", "--no-legend").rows) > 5, True)
        status = ctl.good("status").out
        for wanted in ("ntc ", "--mock", "Watching: mock0", "of 65,536", "Losses: none"):
            assert wanted in status, status
        assert ctl.good().out.splitlines()[0] == status.splitlines()[0], "status is the default"
        whole = ctl.good("status", "--json").json
        assert whole["manager"]["Mode"] == "mock" and whole["counters"]["packets"] > 0, whole
        assert list(whole["counters"]["losses"]) == list(ntc.request("GET", "/status").json["losses"])

        flows = ctl.good("flows", "--json", "--limit", "5").json
        assert len(flows) == 5 and all(flow["packets"] >= flows[-1]["packets"] for flow in flows)
        ipaddress.ip_address(flows[0]["src"])
        assert ctl.good("flows", "--limit", "3").out.endswith("3 flows.\n")
        assert ctl.good("flows", "--limit", "3").out.startswith(" " * 4) or "SOURCE" in ctl.good("flows").out

        for order, field in (("packets", "packets_per_second"), ("bytes", "bytes_per_second"),
                             ("ports", "unique_dst_ports"), ("syn", "syn_count"), ("dropped", "dropped_packets")):
            rows = ctl.good("top", "--sort", order, "--json", "--limit", "10").json
            values = [row[field] for row in rows]
            assert len(rows) == 10 and values == sorted(values, reverse=True), (order, values)
        assert "PACKETS/S" in ctl.good("top").rows[0]


def test_lists_are_edited():
    with running() as (ctl, ntc, _):
        out = ctl.good("block", "203.0.113.7", "198.51.100.0/24", "--for", "1h", "--comment", "a b").out
        assert out == "203.0.113.7 is now on the blacklist\n198.51.100.0/24 is now on the blacklist\n", out
        assert ctl.good("block", "203.0.113.7", "--json").json == [{"ip": "203.0.113.7", "changed": True}], "for ever"
        assert "already" in ctl.good("block", "203.0.113.7").out
        ctl.good("allow", "2001:db8::/32")
        entries = ntc.entries("blacklist")
        assert entries["198.51.100.0/24"]["comment"] == "a b" and entries["198.51.100.0/24"]["expires"]
        assert entries["203.0.113.7"]["expires"] is None

        rows = ctl.good("lists", "--json").json
        assert {(row["list"], row["ip"]) for row in rows} == {
            ("blacklist", "203.0.113.7"), ("blacklist", "198.51.100.0/24"), ("whitelist", "2001:db8::/32")}
        assert [row["ip"] for row in ctl.good("lists", "whitelist", "--json").json] == ["2001:db8::/32"]
        assert "3 entries." in ctl.good("lists").out and "uid 0 over dbus" in ctl.good("lists").out
        assert ctl("lists", "greylist").status == 2

        why = ctl.good("why", "198.51.100.9")
        assert "is dropped" in why.out and "198.51.100.0/24" in why.out, why.out
        assert ctl.good("why", "2001:db8::1", "--json").json["verdict"] == "SKIP"
        assert "neither list" in ctl.good("why", "8.8.8.8").out
        loop = ctl.good("why", "127.0.0.1", "--json").json
        assert loop["verdict"] == "PASS" and "loopback" in loop["protected"], loop

        assert "no longer" in ctl.good("unblock", "203.0.113.7").out
        assert "is not on" in ctl.good("unblock", "203.0.113.7").out
        assert "no longer" in ctl.good("disallow", "2001:db8::/32").out
        assert list(ntc.entries("blacklist")) == ["198.51.100.0/24"]


def test_one_bad_address_among_good_ones():
    with running() as (ctl, ntc, _):
        done = ctl("block", "nonsense", "203.0.113.7", "127.0.0.1", "--json")
        assert done.status == 1 and [row["ip"] for row in done.json] == ["203.0.113.7"], done.out
        assert "nonsense" in done.err and "--force" in done.err, done.err
        assert list(ntc.entries("blacklist")) == ["203.0.113.7"]


def test_confirmation():
    with running() as (ctl, ntc, _):
        out = ctl.good("block", "203.0.113.7", "--confirm", "60").out
        assert "ntcctl confirm 203.0.113.7" in out, out
        assert ntc.entries("blacklist")["203.0.113.7"]["confirm_by"]
        assert "stays on" in ctl.good("confirm", "203.0.113.7").out
        assert ntc.entries("blacklist")["203.0.113.7"]["confirm_by"] is None
        ctl.good("allow", "192.0.2.1", "--confirm", "60")
        ctl.good("confirm", "--whitelist", "192.0.2.1")
        assert ctl("confirm", "192.0.2.9").status == 1
        several = ctl("block", "192.0.2.20", "nonsense", "192.0.2.21", "--confirm", "60")
        assert several.status == 1 and "What was added goes again in 60 s" in several.out, several.out
        assert "goes again" not in ctl("block", "nonsense", "--confirm", "60").out

        with_enter = Terminal(ctl, "block", "203.0.113.8", "--confirm", "30")
        with_enter.wait_for("Press Enter within 30 s")
        with_enter.type("\n")
        assert with_enter.end() == 0 and ntc.entries("blacklist")["203.0.113.8"]["confirm_by"] is None

        alone = Terminal(ctl, "block", "203.0.113.9", "--confirm", "1")
        alone.wait_for("It is gone again")
        assert alone.end() == 0
        expect(lambda: "203.0.113.9" in ntc.entries("blacklist"), False)


def test_events():
    with running() as (ctl, ntc, _):
        port = f"http://127.0.0.1:{ntc.port}"
        done = ctl.good("events", "--limit", "20", "--url", port)
        assert len(done.out.splitlines()) >= 20 and "INGRESS" in done.out and "mock0" in done.out, done.out
        packets = [json.loads(line) for line in ctl.good("events", "--limit", "5", "--json", "--url", port).out.splitlines()]
        assert sum("seq" in packet for packet in packets) == 5, packets
        done = ctl("events", "--url", "http://127.0.0.1:9")
        assert done.status == 3 and "--url" in done.err, done.err


@once
def test_alerts():
    with running("mock:\n  rate: 5000\n  seed: 7\n") as (ctl, ntc, _):
        url = ("--url", f"http://127.0.0.1:{ntc.port}")
        expect(lambda: len(ctl.good("alerts", "--json", *url).json["alerts"]) > 0, True, 60)
        alert = ctl.good("alerts", "--json", *url).json["alerts"][0]
        assert alert["ip"] in ctl.good("alerts", *url).out
        assert all(a["kind"] == alert["kind"]
                   for a in ctl.good("alerts", "--kind", alert["kind"], "--json", *url).json["alerts"])
        assert ctl.good("alerts", "--since", "1h", "--ip", alert["ip"], "--json", *url).json["alerts"]
        assert "No alerts" in ctl.good("alerts", "--ip", "192.0.2.250", *url).out
        assert ctl("alerts", "--kind", "nonsense", *url).status == 1


def test_what_http_refuses_is_told():
    with running() as (ctl, ntc, _):
        url = ("--url", f"http://127.0.0.1:{ntc.port}")
        for what, value in (("kind", "nonsense"), ("since", "yesterday"), ("ip", "nonsense"), ("limit", "100000")):
            done, answer = ctl("alerts", f"--{what}", value, *url), ntc.request("GET", f"/alerts?{what}={value}")
            assert answer.status == 400 and what in answer.json["message"], answer.json
            assert (done.status, done.out, done.err) == (1, "", f"ntcctl: {answer.json['message']}\n"), done.err


def test_orders():
    with running() as (ctl, ntc, _):
        expect(lambda: ntc.metrics().sum("ntc_active_flows") > 5, True)
        assert re.fullmatch(r"Ended \d+ flows\.\n", ctl.good("flush").out)
        assert "flushed" in ctl.good("flush", "--json").json
        assert "read again" in ctl.good("reload").out
        ntc.config_path.write_text("nonsense: true\n")
        done = ctl("reload")
        assert done.status == 1 and "nonsense" in done.err, done.err


def test_who_may_not():
    """On this bus nobody answers for polkit, which is a no."""
    with running() as (ctl, ntc, bus):
        bus.world.folder.chmod(0o711)
        for command in (("block", "203.0.113.7"), ("unblock", "203.0.113.7"), ("allow", "203.0.113.7"),
                        ("disallow", "203.0.113.7"), ("confirm", "203.0.113.7"), ("flush",), ("reload",)):
            ntc.add("blacklist", "198.51.100.1")
            if command[0] in ("unblock", "confirm"):
                ntc.add("blacklist", "203.0.113.7", **({"confirm": 600} if command[0] == "confirm" else {}))
            elif command[0] == "disallow":
                ntc.add("whitelist", "203.0.113.7")
            before = ntc.entries("blacklist"), ntc.entries("whitelist")
            done = ctl(*command, uid=NOBODY)
            assert done.status == 4 and "sudo" in done.err and done.out == "", (command, done.status, done.err)
            after = ntc.entries("blacklist"), ntc.entries("whitelist")
            strip = [{ip: entry["expires"] for ip, entry in entries.items()} for entries in (*before, *after)]
            assert strip[:2] == strip[2:], command
            for which in ("blacklist", "whitelist"):
                for ip in ntc.entries(which):
                    ntc.remove(which, ip)
        for command in (("status",), ("flows",), ("top",), ("lists",), ("why", "203.0.113.7")):
            assert ctl(*command, uid=NOBODY).status == 0, command


def test_wrong_usage():
    with World(cables=0) as world:
        ctl = Client(world)
        for command in (("blok", "1.2.3.4"), ("block",), ("why",), ("why", "a", "b"), ("--nonsense",), ("block", "a", "--for", "soon"),
                        ("flows", "--limit", "0"), ("top", "--sort", "beauty"), ("status", "now")):
            done = ctl(*command)
            assert done.status == 2 and done.out == "" and done.err.strip(), (command, done.status, done.err)
        assert "did you mean block" in ctl("blok").err
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={world.folder}/nothing"
        assert ctl("status").status == 3
        with PrivateBus(world):
            done = ctl("status")
            assert done.status == 3 and "systemctl start ntc" in done.err, done.err
        assert ctl.good("--version").out.startswith("ntcctl ")


def test_top_is_live():
    with running() as (ctl, _, __):
        top = Terminal(ctl, "top")
        top.wait_for("PACKETS/S")
        top.wait_for("by packets")
        top.type("b")
        top.wait_for("by bytes")
        top.type("q")
        assert top.end() == 0
        assert top.text.endswith("\x1b[?25h\x1b[?1049l"), "the screen is as it was"


def test_tables_fit_the_terminal():
    comment = "knocks at night, and has done so for many weeks now"
    with running() as (ctl, _, __):
        ctl.good("block", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", "203.0.113.0/24", "--comment", comment)
        ctl.good("block", "198.51.100.7", "--confirm", "600")
        for arguments in (("lists",), ("why", "203.0.113.7"), ("flows", "--limit", "20"), ("top", "--once")):
            for pager in ("cat", "sed s/x/x/"):  # which has stdout then
                narrow = Terminal(ctl, *arguments, columns=80, NTC_PAGER=pager)
                assert narrow.end() == 0
                lines = re.sub(r"\x1b\[[0-9;]*m", "", narrow.text).replace("\r", "").split("\n")
                assert all(len(line) <= 80 for line in lines), narrow.text
                if arguments[0] in ("lists", "why"):
                    # No word is cut, none is lost.
                    words = " ".join(" ".join(line[45:] for line in lines).split())
                    assert "ORIGIN" not in lines[0] and comment in words, narrow.text
        piped = ctl.good("lists").out
        assert all(title in piped for title in ("ADDED", "EXPIRES", "BY", "ORIGIN")) and comment in piped, piped
        assert "198.51.100.7 waits to be kept: ntcctl confirm 198.51.100.7\n" in piped, piped
        assert "waits" not in ctl.good("lists", "--no-legend").out


def test_long_output_goes_to_the_pager():
    with running() as (ctl, _, __):
        paged = Terminal(ctl, "flows", NTC_PAGER="sed s/^/paged:/")
        assert paged.end() == 0 and "paged:" in paged.text, paged.text
        plain = Terminal(ctl, "flows", "--no-pager", NTC_PAGER="sed s/^/paged:/")
        assert plain.end() == 0 and "paged:" not in plain.text
        assert "\x1b[" not in ctl.good("lists").out, "no colours but on a terminal"


def test_colours_are_one_thing_and_the_terminal_is_another():
    """https://no-color.org: present and not empty."""
    with running() as (ctl, ntc, __):
        expect(lambda: ntc.metrics().sum("ntc_active_flows") > 5, True)
        ctl.good("block", "203.0.113.0/24", "--comment", "knocks at night, and has done so for many weeks now")
        for value, coloured in (("", True), ("1", False)):
            status = Terminal(ctl, "status", NO_COLOR=value)
            assert status.end() == 0 and ("\x1b[1m" in status.text) == coloured, status.text
            flows = Terminal(ctl, "flows", NTC_PAGER="sed s/^/paged:/", NO_COLOR=value)
            assert flows.end() == 0 and "paged:" in flows.text and ("\x1b[" in flows.text) == coloured, flows.text
            lists = Terminal(ctl, "lists", columns=80, NTC_PAGER="cat", NO_COLOR=value)
            assert lists.end() == 0 and "ORIGIN" not in lists.text, lists.text
            lines = re.sub(r"\x1b\[[0-9;]*m", "", lists.text).replace("\r", "").split("\n")
            assert all(len(line) <= 80 for line in lines), lists.text
            pretty = Terminal(ctl, "status", "--json", NO_COLOR=value)
            assert pretty.end() == 0 and "\n  " in pretty.text, pretty.text


def test_token_comes_with_the_url_to_open():
    script = f"mount -t tmpfs none /etc && {NTCCTL} token --json"
    with running() as (_, ntc, __):
        done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=True)
        assert json.loads(done.stdout)["url"].endswith(f":{ntc.port}/") and done.stderr == "", (done.stdout, done.stderr)
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["url"].endswith(":8086/") and "server.port" in done.stderr, (done.stdout, done.stderr)


def test_token():
    with World(cables=0) as world:
        script = f"mount -t tmpfs none /etc && {NTCCTL} token --json && ! {NTCCTL} token 2>/dev/null && " \
                 f"{NTCCTL} token --new && stat -c %a /etc/credstore /etc/credstore/ntc.token && cat /etc/credstore/ntc.token"
        out = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=True).stdout
        lines = out.splitlines()
        first = json.loads(lines[0])
        assert re.fullmatch(r"[\w-]{43}", first["token"]) and first["url"].startswith("http://"), first
        assert lines[-3:-1] == ["700", "600"] and lines[-1] == lines[1] != first["token"], lines
        done = subprocess.run([str(NTCCTL), "token"], capture_output=True, text=True, user=NOBODY, group=NOBODY, extra_groups=[])
        assert done.returncode == 4 or "there is a token already" in done.stderr, done
        assert world.folder.exists()


def complete(line, uid=0):
    """What bash offers for a command line."""
    script = """
        . /usr/share/bash-completion/bash_completion
        . "$1"
        COMP_LINE=$2 COMP_POINT=${#2}
        read -r -a COMP_WORDS <<<"$2"
        case $2 in *' ') COMP_WORDS+=('') ;; esac
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _ntcctl
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    done = subprocess.run(["bash", "-c", script, "bash", str(SOURCE / "src/ctl/ntcctl.bash"), line],
                          capture_output=True, text=True, env={**os.environ, "PATH": f"{NTCCTL.parent}:{os.environ['PATH']}"})
    return {word.strip() for word in done.stdout.split("\n") if word.strip()}


def test_completion():
    with running() as (ctl, ntc, _):
        ntc.add("blacklist", "203.0.113.7")
        ntc.add("blacklist", "2001:db8::7")
        ntc.add("whitelist", "192.0.2.1")
        assert complete("ntcctl un") == {"unblock"}
        verbs = complete("ntcctl ")
        for line in ctl.good("--help").out.splitlines():
            if found := re.match(r"  ([a-z]+) ", line):
                assert found[1] in verbs, found[1]
            if found := re.match(r"  (--[a-z-]+)", line):
                assert found[1] in complete("ntcctl " + found[1]), found[1]
        assert complete("ntcctl unblock 203") == {"203.0.113.7"}
        assert "2001:db8::7" in complete("ntcctl unblock ")
        assert complete("ntcctl disallow ") == {"192.0.2.1"}
        assert complete("ntcctl lists w") == {"whitelist"}
        assert complete("ntcctl top --sort d") == {"dropped"}
