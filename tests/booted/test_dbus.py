# SPDX-License-Identifier: MIT
"""ntc on a real system bus, with a real polkit."""
import contextlib
import os
import random
import re
import signal
import threading
import time

from machine import Machine
from private_bus import DRIVER, SOURCE, Connection, DBusError, refused
from test_polkit import TABLE, all_there_is, attempt, prepare, snapshot
from waiting import expect

RULES = "/etc/polkit-1/rules.d/50-ntc.rules"
RULE_OF_THE_DOCS = re.search(r"^```js\n(.*?)^```", (SOURCE / "docs/dbus.md").read_text(), re.M | re.S)[1]
RULE_FOR_ALL = """\
polkit.addRule(function (action, subject) {
    if (action.id.indexOf("org.ntc.") == 0 && subject.isInGroup("ntc"))
        return polkit.Result.YES;
});
"""
# As slow as somebody who types a password, and in the end always content.
RULE_FOR_THE_GONE = """\
polkit.addRule(function (action, subject) {
    if (action.id.indexOf("org.ntc.") == 0) {
        polkit.spawn(["/bin/sleep", "0.06"]);
        return polkit.Result.YES;
    }
});
"""
BUSCTL_ADD = ("busctl", "call", "org.ntc", "/org/ntc", "org.ntc.Blacklist", "Add", "s")


class BusMachine(Machine):
    """With ntc started, and connections to its system bus."""

    def __enter__(self):
        super().__enter__()
        try:
            self.start_ntc()
            self.root_bus = self.connect()
            self.wait_for_name()
        except BaseException:
            self.show_journal()
            self.clean()
            raise
        return self

    def connect(self, user="root"):
        return Connection(f"/proc/{self.leader}/root/run/dbus/system_bus_socket", int(self.run("id", "-u", user)))

    def wait_for_name(self):
        expect(lambda: self.root_bus.call(*DRIVER, "NameHasOwner", "s", "org.ntc"), [True], 20)

    def rule(self, text):
        """What polkit goes by from now on."""
        self.write(RULES, text)
        self.systemctl("restart", "polkit")

    def log(self):
        return self.run("journalctl", "-u", "ntc", "--no-pager", "-o", "cat")

    def polkit_pid(self):
        return self.outer_pid(self.show("polkit.service", "MainPID"))


def test_root_stranger_and_member():
    with BusMachine() as m:
        assert m.run(*BUSCTL_ADD, "203.0.113.7") == "b true\n"
        for _ in range(2):  # without a rule, and with one for others
            done = m.attempt(*BUSCTL_ADD, "203.0.113.8", user="stranger")
            assert done.returncode != 0 and done.stderr == "Call failed: Access denied\n", done
            m.rule(RULE_OF_THE_DOCS)
        assert m.run("busctl", "get-property", "org.ntc", "/org/ntc", "org.ntc.Blacklist", "Count",
                     user="stranger") == "u 1\n"
        assert m.run(*BUSCTL_ADD, "203.0.113.8", user="member") == "b true\n"
        done = m.attempt("busctl", "call", "org.ntc", "/org/ntc", "org.ntc.Whitelist", "Add", "s", "203.0.113.8",
                         user="member")
        assert done.returncode != 0 and done.stderr == "Call failed: Access denied\n", done
        assert sorted(m.ntc.entries("blacklist")) == ["203.0.113.7", "203.0.113.8"]
        assert m.ntc.entries("whitelist") == {}
        uid = m.run("id", "-u", "member").strip()
        expect(lambda: [entry["NTC_ADDRESS"] for entry in m.journal("NTC_EVENT=list-changed", f"NTC_UID={uid}")],
               ["203.0.113.8"])
        stranger = m.run("id", "-u", "stranger").strip()
        denied = m.journal("NTC_EVENT=access-denied", f"NTC_UID={stranger}")
        assert len(denied) == 2 and denied[0]["NTC_TRANSPORT"] == "dbus", denied
        m.run("systemctl", "service-log-level", "ntc", "debug")
        assert m.run("systemctl", "service-log-level", "ntc") == "debug\n"
        assert m.run("systemctl", "service-log-target", "ntc") == "journal\n"
        done = m.attempt("systemctl", "service-log-level", "ntc", "info", user="stranger")
        assert done.returncode != 0 and m.run("systemctl", "service-log-level", "ntc") == "debug\n"


def test_all_there_is():
    """Every method and all that can be set, from the live introspection: by whom, and what it changes."""
    with BusMachine() as m:
        prepare(m.root_bus)
        found = list(all_there_is(m.root_bus))
        names = {f"{interface}.{member}" for _, interface, member, _ in found}
        assert names == set(TABLE), f"there is, or isn't: {names ^ set(TABLE)}"
        before = snapshot(m.root_bus, m.log())
        for what in found:
            with contextlib.closing(m.connect("stranger")) as stranger:
                call = attempt(stranger, *what)
                if TABLE[f"{what[1]}.{what[2]}"][0] is None:
                    stranger.reply(call)
                    continue
                with refused("AccessDenied"):
                    stranger.reply(call)
        assert snapshot(m.root_bus, m.log()) == before
        m.rule(RULE_FOR_ALL)
        with contextlib.closing(m.connect("member")) as member:
            for what in found:
                member.reply(attempt(member, *what))
        lists, level, reloads = snapshot(m.root_bus, m.log())
        assert [sorted(entries) for entries in lists] == [["192.0.2.2", "203.0.113.7", "203.0.113.8"]] * 2
        assert level == "debug" and reloads == before[2] + 1


def test_polkit_stopped_masked_and_hung():
    with BusMachine() as m:
        m.rule(RULE_OF_THE_DOCS)
        member = m.connect("member")
        m.systemctl("stop", "polkit")
        assert member.blacklist("Add", "s", "203.0.113.1") == [True]  # the bus starts it again
        m.systemctl("mask", "--now", "polkit")
        with refused("AccessDenied"):
            member.blacklist("Add", "s", "203.0.113.2", within=5)
        assert m.root_bus.blacklist("Add", "s", "203.0.113.3") == [True]
        m.systemctl("unmask", "polkit")
        m.systemctl("start", "polkit")
        hung = m.polkit_pid()
        os.kill(hung, signal.SIGSTOP)
        waiting = [member.begin_ntc("Blacklist", "Add", "s", f"203.0.113.{number}") for number in (4, 5)]
        with refused("AccessDenied", "too many"):
            member.blacklist("Add", "s", "203.0.113.6", within=5)
        for number in range(20):  # nobody else waits for it
            assert m.root_bus.blacklist("Add", "s", f"192.0.2.{number}") == [True]
        assert m.ntc.request("GET", "/healthz").status == 200 and len(m.ntc.entries("blacklist")) == 22
        os.kill(hung, signal.SIGCONT)
        assert [member.reply(call) for call in waiting] == [[True], [True]]
        os.kill(hung, signal.SIGSTOP)
        call = member.begin_ntc("Blacklist", "Add", "s", "203.0.113.6")
        m.ntc.add("blacklist", "203.0.113.7")
        os.kill(hung, signal.SIGKILL)
        with refused("AccessDenied"):
            member.reply(call, 5)
        assert "203.0.113.6" not in m.root_bus.listed()


class Scraper(threading.Thread):
    """Asks for /healthz, again and again."""

    def __init__(self, client):
        super().__init__(daemon=True)
        self.client, self.done, self.failed, self.stop = client, 0, [], threading.Event()

    def run(self):
        while not self.stop.is_set():
            try:
                assert self.client.request("GET", "/healthz").status == 200
                self.done += 1
            except (AssertionError, OSError) as failure:
                self.failed.append(failure)
            time.sleep(0.01)


def test_bus_restarted():
    """The name comes back, and everything else has gone on meanwhile."""
    with BusMachine() as m:
        pid = m.ntc_pid()
        assert m.root_bus.blacklist("Add", "s", "203.0.113.7") == [True]
        scraper = Scraper(m.ntc)
        scraper.start()
        for verb in ("restart", "restart"):
            m.root_bus.close()
            m.systemctl(verb, "dbus")
            m.ntc.add("blacklist", "203.0.113.8")
            m.ntc.remove("blacklist", "203.0.113.8")
            m.root_bus = m.connect()
            m.wait_for_name()
            assert list(m.root_bus.listed()) == ["203.0.113.7"]
            assert m.root_bus.blacklist("Add", "s", "203.0.113.9") == [True]
            assert m.root_bus.blacklist("Remove", "s", "203.0.113.9") == [True]
        expect(lambda: scraper.done > 20, True, 10)
        scraper.stop.set()
        scraper.join()
        assert scraper.failed == []
        assert m.ntc_pid() == pid and m.show("ntc.service", "NRestarts") == "0"


def test_callers_that_hang_up():
    """0 to 50 ms after the call, while polkit takes 60 ms for its yes."""
    with BusMachine() as m:
        m.rule(RULE_FOR_THE_GONE)
        chance, users = random.Random(7), ("member", "stranger", "nobody")
        there = []
        for number in range(150):
            caller = m.connect(users[number % 3])
            caller.begin_ntc("Blacklist", "Add", "s", f"2001:db8::{number:x}")
            there.append((time.monotonic() + chance.random() * 0.05, caller))
            while there and (there[0][0] <= time.monotonic() or len(there) > 5):
                time.sleep(max(0, there[0][0] - time.monotonic()))
                there.pop(0)[1].close()
        for until, caller in there:
            time.sleep(max(0, until - time.monotonic()))
            caller.close()

        def one_who_stays():
            """Its turn comes when polkit is through with all who are gone."""
            with contextlib.closing(m.connect("member")) as member:
                try:
                    return member.blacklist("Add", "s", "203.0.113.7")
                except DBusError:
                    return None

        expect(one_who_stays, [True], 40)
        assert list(m.root_bus.listed()) == ["203.0.113.7"] and list(m.ntc.entries("blacklist")) == ["203.0.113.7"]
