# SPDX-License-Identifier: MIT
"""Who may what over D-Bus, with a polkit that says yes or no, or fails in every way there is."""
import random
import time

import dbus_wire
from fake_polkit import FakePolkit
from private_bus import DRIVER, NOBODY, PROPERTIES, refused
from test_bus import daemon, fill, introspect
from waiting import expect, settled

BLACKLIST, WHITELIST, MANAGE = "org.ntc.edit-blacklist", "org.ntc.edit-whitelist", "org.ntc.manage"
OPEN = None
LOG = "org.freedesktop.LogControl1"
STANDARD = {"org.freedesktop.DBus.Peer", "org.freedesktop.DBus.Introspectable", "org.freedesktop.DBus.Properties"}

# All there is to call and to set: the action it needs, and arguments by which it would change something.
ADDRESS = ("s", "203.0.113.7")
OPTIONS = ("sa{sv}", "203.0.113.8", {"ttl": ("t", 3600)})
TABLE = {
    **{f"org.ntc.{name}.{member}": (action and edit, arguments)
       for name, edit in (("Blacklist", BLACKLIST), ("Whitelist", WHITELIST))
       for member, action, arguments in (("Add", True, ADDRESS), ("AddWithOptions", True, OPTIONS),
                                         ("Remove", True, ("s", "192.0.2.1")), ("Confirm", True, ("s", "192.0.2.2")),
                                         ("List", OPEN, ()))},
    "org.ntc.Manager.FlushFlows": (MANAGE, ()),
    "org.ntc.Manager.Reload": (MANAGE, ()),
    "org.ntc.Manager.GetFlows": (OPEN, ("u", 1)),
    "org.ntc.Manager.GetTalkers": (OPEN, ("u", 1)),
    "org.ntc.Manager.GetStatus": (OPEN, ()),
    "org.ntc.Manager.Explain": (OPEN, ("s", "203.0.113.7")),
    f"{LOG}.LogLevel": (MANAGE, ("s", "debug")),
    f"{LOG}.LogTarget": (MANAGE, ("s", "auto")),
}


def prepare(root):
    for which in ("Blacklist", "Whitelist"):
        root.ntc(which, "Add", "s", "192.0.2.1")
        root.ntc(which, "AddWithOptions", "sa{sv}", "192.0.2.2", {"confirm": ("t", 3600)})


def snapshot(root, log):
    """What a call without permission must leave as it is. `log`: what ntc has written so far."""
    lists = [{address: sorted(entry) for address, entry in root.listed(which).items()}
             for which in ("Blacklist", "Whitelist")]
    level = root.get(LOG, "LogLevel", "/" + LOG.replace(".", "/"))
    return lists, level, log.count("Configuration reloaded")


def all_there_is(root):
    """(object, name, is it a property) of everything that can be called or set."""
    for path in ("/org/ntc", "/" + LOG.replace(".", "/")):
        for interface, members in introspect(root, path).items():
            for member, (kind, _, access, *_) in members.items():
                if interface not in STANDARD and (kind == "method" or access == "readwrite"):
                    yield path, interface, member, kind == "property"


def attempt(caller, path, interface, member, is_property):
    arguments = TABLE[f"{interface}.{member}"][1]
    if is_property:
        return caller.begin("org.ntc", path, PROPERTIES, "Set", "ssv", interface, member, arguments)
    return caller.begin("org.ntc", path, interface, member, *arguments)


def test_all_there_is_needs_its_action():
    with daemon("mock:\n  rate: 500\n") as (bus, ntc):
        root, polkit = bus.connect(), FakePolkit(bus)
        prepare(root)
        found = list(all_there_is(root))
        names = {f"{interface}.{member}" for _, interface, member, _ in found}
        assert names == set(TABLE), f"there is, or isn't: {names ^ set(TABLE)}"
        for what in found:
            action, _ = TABLE[f"{what[1]}.{what[2]}"]
            nobody = bus.connect(NOBODY)  # a new one each time: whoever is told no doesn't wait for others
            before = snapshot(root, ntc.log_path.read_text())
            call = attempt(nobody, *what)
            if action is OPEN:
                nobody.reply(call)
                assert polkit.asked(0) is None, what
                continue
            question = polkit.asked()
            assert (question.action, question.subject) == (action, nobody.name), (what, question)
            assert question.details["member"] == what[2] and not question.interactive
            polkit.answer(question, yes=False)
            with refused("AccessDenied"):
                nobody.reply(call)
            assert snapshot(root, ntc.log_path.read_text()) == before, what
            call = attempt(nobody, *what)
            polkit.answer(polkit.asked(), yes=True)
            nobody.reply(call)
        lists, *rest = snapshot(root, ntc.log_path.read_text())
        for entries in lists:
            assert sorted(entries) == ["192.0.2.2", "203.0.113.7", "203.0.113.8"]
            assert "unconfirmed" not in entries["192.0.2.2"]
        assert rest == ["debug", 1]


def test_what_is_not_writable():
    with daemon() as (bus, _):
        nobody, root, polkit = bus.connect(NOBODY), bus.connect(), FakePolkit(bus)
        for who in (nobody, root):
            for interface, members in introspect(root).items():
                for member, (kind, *_) in members.items():
                    if kind == "property":
                        with refused("AccessDenied", "can't be set"):
                            who.call("org.ntc", "/org/ntc", PROPERTIES, "Set", "ssv", interface, member, ("s", "x"))
        with refused("InvalidArgs"):
            nobody.call("org.ntc", "/" + LOG.replace(".", "/"), PROPERTIES, "Set", "ssvs", LOG, "LogLevel",
                        ("s", "debug"), "x")
        for interface, member in ((LOG, "Level\nforged line"), ("no interface", "LogLevel"), (LOG, "x" * 10240)):
            with refused("InvalidArgs"):
                nobody.call("org.ntc", "/org/ntc", PROPERTIES, "Set", "ssv", interface, member, ("s", "x"))
        assert polkit.asked(0) is None


def test_refusals_are_told_up_to_a_rate():
    with daemon() as (bus, ntc):
        nobody, polkit = bus.connect(NOBODY), FakePolkit(bus)
        polkit.close()
        bus.connections.remove(polkit)
        for number in range(50):
            with refused("AccessDenied"):
                nobody.blacklist("Add", "s", f"203.0.113.{number}")
        time.sleep(0.1)
        assert ntc.log_path.read_text().count("NTC_EVENT=access-denied") == 20


def test_what_polkit_is_told():
    with daemon() as (bus, ntc):
        nobody, polkit = bus.connect(NOBODY), FakePolkit(bus)
        call = nobody.begin_ntc("Whitelist", "Add", "s", "2001:DB8::/32", flags=dbus_wire.ALLOW_INTERACTIVE)
        question = polkit.asked()
        assert question.interactive
        assert question.details == {"member": "Add", "list": "whitelist", "address": "2001:db8::/32"}
        polkit.answer(question, yes=True)
        assert nobody.reply(call) == [True]
        assert nobody.listed("Whitelist")["2001:db8::/32"]["by"] == ("s", f"uid {NOBODY} over dbus")
        expect(lambda: f"NTC_UID={NOBODY}" in ntc.log_path.read_text(), True)
        # Nothing to change or nothing valid: nobody is asked.
        assert nobody.ntc("Whitelist", "Add", "s", "2001:db8::/32") == [False]
        with refused("InvalidAddress"):
            nobody.ntc("Whitelist", "Add", "s", "2001:db8::/")
        assert polkit.asked(0.2) is None


def test_no_polkit():
    with daemon() as (bus, ntc):
        nobody = bus.connect(NOBODY)
        with refused("AccessDenied"):
            nobody.blacklist("Add", "s", "203.0.113.7", within=5)
        assert nobody.listed() == {}
        assert bus.connect().blacklist("Add", "s", "203.0.113.7") == [True]  # root needs none
        expect(lambda: f"Refused org.ntc.Blacklist.Add over dbus by uid {NOBODY}" in ntc.log_path.read_text(), True)


def test_no_in_every_way():
    with daemon() as (bus, _):
        nobody, polkit = bus.connect(NOBODY), FakePolkit(bus)
        noes = [lambda q: polkit.answer(q, yes=False),
                lambda q: polkit.answer(q, yes=False, challenge=True),
                lambda q: polkit.reply_to(q, ""),
                lambda q: polkit.reply_to(q, "b", True),
                lambda q: polkit.reply_to(q, "bba{ss}", True, True, {}),
                lambda q: polkit.reply_to(q, "(sba{ss})", ("yes", True, {})),
                polkit.fail,
                lambda q: polkit.fail(q, "org.freedesktop.DBus.Error.NoReply"),
                lambda q: polkit.fail(q, "org.freedesktop.PolicyKit1.Error.NotAuthorized"),
                lambda q: polkit.close()]
        for no in noes:
            call = nobody.begin_ntc("Blacklist", "Add", "s", "203.0.113.7")
            no(polkit.asked())
            with refused("AccessDenied"):
                nobody.reply(call, 5)
        assert nobody.listed() == {}


def test_hung_polkit():
    """Who waits doesn't keep others from going on, and only so many wait."""
    with daemon() as (bus, ntc):
        root, polkit = bus.connect(), FakePolkit(bus)
        waiting = []
        for uid in (NOBODY, 1):
            for _ in range(4):
                caller = bus.connect(uid)
                waiting += [(caller, caller.begin_ntc("Blacklist", "Add", "s", f"203.0.113.{i}")) for i in (1, 2)]
                with refused("AccessDenied", "too many"):  # the third of one sender
                    caller.blacklist("Add", "s", "203.0.113.3", within=5)
            with refused("AccessDenied", "too many"):  # the ninth of one user
                bus.connect(uid).blacklist("Add", "s", "203.0.113.3", within=5)
        with refused("AccessDenied", "too many"):  # the seventeenth
            bus.connect(2).blacklist("Add", "s", "203.0.113.3", within=5)
        assert root.blacklist("Add", "s", "192.0.2.1") == [True]
        ntc.add("blacklist", "192.0.2.2")
        assert sorted(bus.connect(NOBODY).listed()) == ["192.0.2.1", "192.0.2.2"]
        assert len([polkit.asked() for _ in waiting]) == 16 and polkit.asked(0.1) is None
        waiting[0][0].close()  # its two places are free again
        bus.connections.remove(waiting[0][0])
        assert polkit.cancelled() and polkit.cancelled()
        late = bus.connect(2)
        call = late.begin_ntc("Blacklist", "Add", "s", "203.0.113.3")
        polkit.answer(polkit.asked(), yes=True)
        assert late.reply(call) == [True]
        polkit.close()
        for caller, call in waiting[2:]:
            with refused("AccessDenied"):
                caller.reply(call, 5)
        assert sorted(root.listed()) == ["192.0.2.1", "192.0.2.2", "203.0.113.3"]


def test_caller_that_vanishes_while_polkit_thinks():
    """polkit says yes to a caller who is gone (CVE-2021-3560)."""
    with daemon() as (bus, _):
        polkit, root = FakePolkit(bus), bus.connect()
        for _ in range(20):
            caller = bus.connect(NOBODY)
            caller.begin_ntc("Blacklist", "Add", "s", "203.0.113.7")
            question = polkit.asked()
            caller.close()
            bus.connections.remove(caller)
            expect(lambda: root.call(*DRIVER, "NameHasOwner", "s", question.subject), [False])
            polkit.answer(question, yes=True)
            assert polkit.cancelled() == question.id
        assert root.listed() == {} and polkit.asked(0.2) is None


def test_world_that_changes_while_polkit_thinks():
    with daemon("lists:\n  capacity: 1024\n") as (bus, _):
        root, nobody, polkit = bus.connect(), bus.connect(NOBODY), FakePolkit(bus)
        call = nobody.begin_ntc("Blacklist", "Add", "s", "203.0.113.7")
        question = polkit.asked()
        root.blacklist("Add", "s", "203.0.113.7")
        polkit.answer(question, yes=True)
        assert nobody.reply(call) == [False]
        call = nobody.begin_ntc("Blacklist", "Remove", "s", "203.0.113.7")
        question = polkit.asked()
        root.blacklist("Remove", "s", "203.0.113.7")
        polkit.answer(question, yes=True)
        assert nobody.reply(call) == [False]
        call = nobody.begin_ntc("Blacklist", "Add", "s", "203.0.113.7")
        question = polkit.asked()
        fill(root, "Blacklist", 1024)
        polkit.answer(question, yes=True)
        with refused("LimitReached"):
            nobody.reply(call)


def test_one_yes_is_for_one_call():
    with daemon() as (bus, _):
        nobody, polkit = bus.connect(NOBODY), FakePolkit(bus)
        for number in range(3):
            call = nobody.begin_ntc("Blacklist", "Add", "s", f"203.0.113.{number}")
            polkit.answer(polkit.asked(), yes=True)
            assert nobody.reply(call) == [True]
        one = nobody.begin_ntc("Blacklist", "Add", "s", "192.0.2.1")
        other = nobody.begin_ntc("Whitelist", "Add", "s", "192.0.2.1")
        questions = {question.action: question for question in (polkit.asked(), polkit.asked())}
        polkit.answer(questions[BLACKLIST], yes=False)
        polkit.answer(questions[WHITELIST], yes=True)
        with refused("AccessDenied"):
            nobody.reply(one)
        assert nobody.reply(other) == [True] and "192.0.2.1" not in nobody.listed()


def test_forged_answers():
    """Replies nobody asked for: a yes of polkit's kind, a uid of 0 of the bus' kind."""
    with daemon() as (bus, _):
        nobody, polkit = bus.connect(NOBODY), FakePolkit(bus)
        call = nobody.begin_ntc("Blacklist", "Add", "s", "203.0.113.7")
        question = polkit.asked()
        forger = bus.connect(NOBODY)
        for serial in range(1, 200):
            for signature, body in (("(bba{ss})", [(True, False, {})]), ("u", [0])):
                forger.send(dbus_wire.RETURN, signature, body, destination=question.message.sender, reply_to=serial)
        assert forger.listed() == {}  # so all of it has been delivered, or refused by the bus
        polkit.answer(question, yes=False)
        with refused("AccessDenied"):
            nobody.reply(call)
        assert nobody.listed() == {}


class Crowd:
    """Callers that hang up 0 to 50 ms after their call, up to `abreast` at a time."""

    def __init__(self, bus, polkit, abreast=12):
        self.bus, self.polkit, self.abreast = bus, polkit, abreast
        self.there, self.gone, self.questions = [], set(), []
        self.random = random.Random(7)

    def come(self, number):
        caller = self.bus.connect((NOBODY, 1, 2)[number % 3])
        caller.begin_ntc("Blacklist", "Add", "s", f"2001:db8::{number:x}", flags=dbus_wire.ALLOW_INTERACTIVE)
        self.there.append((time.monotonic() + self.random.random() * 0.05, caller))

    def go(self):
        for leaving in [each for each in self.there if each[0] <= time.monotonic()]:
            self.there.remove(leaving)
            self.bus.connections.remove(leaving[1])
            leaving[1].close()
            self.gone.add(leaving[1].name)

    def pass_by(self, callers, may_answer):
        """may_answer(subject): is it time for polkit's yes? How many were asked about."""
        come = answered = 0
        while come < callers or self.there:
            while come < callers and len(self.there) < self.abreast:
                self.come(come)
                come += 1
            self.go()
            while question := self.polkit.asked(0):
                self.questions.append(question)
            for question in [each for each in self.questions if may_answer(each.subject)]:
                self.questions.remove(question)
                self.polkit.answer(question, yes=True)
                answered += 1
            time.sleep(0.0005)
        return answered


def test_thousands_hang_up_before_polkit_says_yes():
    with daemon() as (bus, ntc):
        polkit, root = FakePolkit(bus), bus.connect()
        crowd = Crowd(bus, polkit)
        answered = crowd.pass_by(2000, lambda subject: subject in crowd.gone)
        assert answered > 1000, answered
        assert root.listed() == {} and ntc.entries("blacklist") == {} and ntc.running()


def test_thousands_hang_up_while_polkit_says_yes():
    with daemon() as (bus, ntc):
        polkit, root = FakePolkit(bus), bus.connect()
        root.watch("type='signal',interface='org.ntc.Blacklist',member='Added'")
        crowd = Crowd(bus, polkit)
        answered = crowd.pass_by(1500, lambda subject: crowd.random.random() < 0.3)
        listed = settled(root.listed)
        told = 0
        while root.signal("Added", 1.0 if told < len(listed) else 0.1):
            told += 1
        assert answered > 1000 and told > 50, (answered, told)
        assert told == len(listed) == len(ntc.entries("blacklist")), (told, len(listed))
