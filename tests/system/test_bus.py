# SPDX-License-Identifier: MIT
"""The D-Bus interfaces of the running daemon, on a bus of the test's own."""
import contextlib
import os
import pathlib
import re
import signal
import subprocess
import xml.etree.ElementTree as xml

from marks import long, once
from private_bus import DRIVER, NOBODY, PROPERTIES, SOURCE, Connection, DBusError, PrivateBus, refused
from waiting import expect, settled
from world import World

LOG_CONTROL = ("/org/freedesktop/LogControl1", "org.freedesktop.LogControl1")


@contextlib.contextmanager
def daemon(extra="", cables=0):
    with World(cables=cables) as world, PrivateBus(world) as bus:
        yield bus, bus.start(extra)


def interfaces(text):
    """What introspection says, without its documentation: {interface: {member: its shape}}."""
    def annotations(element):
        return {a.get("name"): a.get("value") for a in element.findall("annotation")
                if "DocString" not in a.get("name")}

    def shape(member):
        arguments = [(a.get("name"), a.get("type"), a.get("direction", "out")) for a in member.findall("arg")]
        known = annotations(member)
        if member.tag == "property":
            known.setdefault("org.freedesktop.DBus.Property.EmitsChangedSignal", "true")
        return member.tag, member.get("type"), member.get("access"), arguments, known

    return {interface.get("name"): {member.get("name"): shape(member)
                                    for member in interface if member.tag != "annotation"}
            for interface in xml.fromstring(text).findall("interface")}


def introspect(connection, path="/org/ntc"):
    return interfaces(connection.call("org.ntc", path, "org.freedesktop.DBus.Introspectable", "Introspect")[0])


def test_introspection_is_as_described():
    described = {}
    for path in sorted((SOURCE / "dbus").glob("*.xml")):
        described |= interfaces(path.read_text())
    assert len(described) == 3, described.keys()
    with daemon() as (bus, _):
        live = {name: members for name, members in introspect(bus.connect()).items()
                if name.startswith("org.ntc.")}
        for name in described | live:
            assert live.get(name) == described.get(name), (name, live.get(name), described.get(name))


def test_every_member_is_documented():
    for path in (SOURCE / "dbus").glob("*.xml"):
        for interface in xml.fromstring(path.read_text()).findall("interface"):
            for element in [interface, *interface.iter()]:
                if element.tag in ("interface", "method", "signal", "property", "arg"):
                    docs = [a.get("value") for a in element.findall("annotation")
                            if a.get("name") == "org.gtk.GDBus.DocString"]
                    assert len(docs) == 1 and docs[0].endswith((".", '"')), (path, element.attrib)


def test_add_remove_list_as_root():
    with daemon() as (bus, ntc):
        root = bus.connect()
        assert root.blacklist("Add", "s", "203.0.113.7") == [True]
        assert root.blacklist("Add", "s", "203.0.113.7") == [False]
        assert root.blacklist("Add", "s", "::ffff:203.0.113.7") == [False]
        options = {"ttl": ("t", 3600), "comment": ("s", "a scanner"), "force": ("b", True)}
        assert root.blacklist("AddWithOptions", "sa{sv}", "2001:db8::/32", options) == [True]
        assert root.ntc("Whitelist", "Add", "s", "192.0.2.1") == [True]
        listed = root.listed()
        assert sorted(listed) == ["2001:db8::/32", "203.0.113.7"] and list(root.listed("Whitelist")) == ["192.0.2.1"]
        assert listed["203.0.113.7"]["by"] == ("s", "uid 0 over dbus") and "expires" not in listed["203.0.113.7"]
        assert listed["2001:db8::/32"]["comment"] == ("s", "a scanner") and "expires" in listed["2001:db8::/32"]
        assert ntc.entries("blacklist").keys() == listed.keys()
        assert root.get("org.ntc.Blacklist", "Count") == 2
        assert root.get("org.ntc.Blacklist", "Capacity") == 65536
        assert root.blacklist("Remove", "s", "203.0.113.7") == [True]
        assert root.blacklist("Remove", "s", "203.0.113.7") == [False]
        assert list(root.listed()) == ["2001:db8::/32"]


def test_confirm():
    with daemon() as (bus, _):
        root = bus.connect()
        root.blacklist("AddWithOptions", "sa{sv}", "198.51.100.0/24", {"confirm": ("t", 3600)})
        assert root.listed()["198.51.100.0/24"]["unconfirmed"] == ("b", True)
        assert root.blacklist("Confirm", "s", "198.51.100.0/24") == [True]
        assert root.blacklist("Confirm", "s", "198.51.100.0/24") == [False]
        assert "unconfirmed" not in root.listed()["198.51.100.0/24"]
        with refused("NotListed"):
            root.blacklist("Confirm", "s", "198.51.100.1")


def test_manager():
    with daemon("mock:\n  rate: 2000\n") as (bus, ntc):
        one = bus.connect(NOBODY)
        values = one.call("org.ntc", "/org/ntc", PROPERTIES, "GetAll", "s", "org.ntc.Manager")[0]
        assert values["Mode"] == ("s", "mock") and values["Interfaces"] == ("as", ["mock0"])
        assert values["Version"][1] == ntc.request("GET", "/status").json["version"]
        expect(lambda: one.get("org.ntc.Manager", "ActiveFlows") > 10, True)
        expect(lambda: one.get("org.ntc.Manager", "PacketsPerSecond") > 0, True)
        expect(lambda: one.get("org.ntc.Manager", "ActiveAddresses") > 5, True)
        assert one.get("org.ntc.Manager", "BytesPerSecond") > 0
        flows = one.ntc("Manager", "GetFlows", "u", 7)[0]
        packets = [flow["packets"][1] for flow in flows]
        assert len(flows) == 7 and packets == sorted(packets, reverse=True) and packets[-1] > 0
        assert flows[0].keys() - {"sport", "dport"} <= ntc.flows()[0].keys() | {"sport", "dport"}
        assert len(one.ntc("Manager", "GetTalkers", "u", 3)[0]) == 3
        assert 10 < len(one.ntc("Manager", "GetFlows", "u", 0)[0]) <= 1000
        flushed = bus.connect().ntc("Manager", "FlushFlows")[0]
        assert flushed > 10, flushed


def test_typed_errors_and_nothing_changed():
    bad = ["", "300.1.2.3", "203.0.113.7/24", "203.0.113.7 ", "example.org", "fe80::1%eth0", "a" * 10240,
           "203.0.113.007", "\u202e203.0.113.7", "203.0.113.7\n"]
    with daemon("lists:\n  capacity: 1024\n") as (bus, ntc):
        root = bus.connect()
        for address in bad:
            for member in ("Add", "Remove", "Confirm"):
                with refused("InvalidAddress"):
                    root.blacklist(member, "s", address)
            with refused("InvalidAddress"):
                root.blacklist("AddWithOptions", "sa{sv}", address, {})
        for options, text in (({"ttl": ("s", "60")}, "ttl"), ({"ttl": ("t", 1 << 63)}, "ten years"),
                              ({"comment": ("s", "x" * 10240)}, "comment"), ({"comment": ("s", "a\nb")}, "comment"),
                              ({"tttl": ("t", 1)}, "known are ttl"), ({"force": ("u", 1)}, "force"),
                              ({"": ("v", ("v", ("u", 1)))}, "known are ttl"),
                              ({"confirm": ("t", 1 << 40)}, "confirm")):
            with refused("InvalidArgs", text):
                root.blacklist("AddWithOptions", "sa{sv}", "203.0.113.7", options)
        with refused("InvalidArgs", "twice"):
            root.blacklist("AddWithOptions", "sa{sv}", "203.0.113.7", [("ttl", ("t", 1)), ("ttl", ("t", 2))])
        with refused("Protected", "force"):
            root.blacklist("Add", "s", "127.0.0.1")
        for signature, body in (("", ()), ("u", (7,)), ("ss", ("203.0.113.7", "")), ("as", (["203.0.113.7"],)),
                                ("v", (("s", "203.0.113.7"),))):
            with refused("InvalidArgs"):
                root.blacklist("Add", signature, *body)
        with refused("UnknownMethod"):
            root.blacklist("Clear")
        with refused("UnknownMethod"):
            root.ntc("Greylist", "Add", "s", "203.0.113.7")
        with refused("UnknownObject"):
            root.call("org.ntc", "/org/ntc/x", "org.ntc.Blacklist", "Add", "s", "203.0.113.7")
        with refused("UnknownProperty"):
            root.get("org.ntc.Blacklist", "Size")
        assert root.listed() == {} and root.get("org.ntc.Blacklist", "Count") == 0
        assert ntc.running()


def test_text_that_is_not_utf8():
    """The bus itself refuses it, and throws out who sends it; ntc goes on."""
    with daemon() as (bus, ntc):
        for address in (b"\xff\xfe", b"203.0.113.7\xc3", b"\xed\xa0\x80", b"203.0\0.113.7"):
            bad = bus.connect()
            try:
                bad.blacklist("Add", "s", address)
            except ConnectionError:
                continue
            raise AssertionError(f"{address!r} got through the bus")
        assert bus.connect().listed() == {} and ntc.running()


def test_a_refused_configuration_is_told_as_text():
    """Half a character in an answer would end the connection."""
    with daemon() as (bus, ntc):
        root = bus.connect()
        for name in ("\u00e4" * 110, "x" + "\u00e4" * 110):
            token = ntc.world.folder / name
            token.mkdir()
            ntc.config_path.write_text(ntc.world.config().replace("server:\n", f"server:\n  token_file: {token}\n", 1))
            with refused("Failed", "token file"):
                root.ntc("Manager", "Reload")
        assert "bus is gone" not in ntc.log_path.read_text()
    with World(cables=0) as world, PrivateBus(world) as bus:
        path = os.fsencode(world.folder) + b"/\xff.yaml"
        pathlib.Path(os.fsdecode(path)).write_text(world.config())
        world.launch(world.config(), ["--mock", "--config", path]).wait_ready()
        bus.wait_for_name()
        pathlib.Path(os.fsdecode(path)).write_text("nonsense: 1\n")
        with refused("Failed", "?.yaml:1: nonsense"):
            bus.connect().ntc("Manager", "Reload")


def test_interfaces_of_any_name():
    """The kernel allows bytes that the bus does not, and some that a terminal obeys."""
    names = {b"h\xff\xc3": "h??", b"h\x1b[1m": "h\x1b[1m", "hü".encode(): "hü"}
    with World(cables=len(names)) as world, PrivateBus(world) as bus:
        for cable, name in enumerate(names):
            world.host.ip("link", "set", f"eth{cable}", "down")
            world.host.ip("link", "set", f"eth{cable}", "name", os.fsdecode(name))
            world.host.ip("link", "set", os.fsdecode(name), "up")
        ntc = world.launch(world.config(interfaces=["h*"])).wait_ready()
        bus.wait_for_name()
        for cable in range(len(names)):
            world.udp(world.peer, f"10.77.{cable}.3", world.host, f"10.77.{cable}.1")
        root = bus.connect()
        flows = lambda: {flow["interface"][1] for flow in root.ntc("Manager", "GetFlows", "u", 0)[0]}
        expect(flows, set(names.values()))
        properties = root.call("org.ntc", "/org/ntc", PROPERTIES, "GetAll", "s", "org.ntc.Manager")[0]
        assert set(properties["Interfaces"][1]) == set(names.values()), properties
        program = pathlib.Path(os.environ["NTC_BINARY"]).parent / "ctl/ntcctl"
        for verb in ("status", "flows"):
            shown = subprocess.run([program, verb], capture_output=True, check=True, timeout=20, env={
                **os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={bus.socket}"}).stdout
            assert b"h??" in shown and b"\x1b" not in shown, shown
        assert ntc.running()


def test_descriptors_are_not_taken():
    """Who attaches descriptors to calls could use up all that ntc may have open."""
    with daemon() as (bus, ntc):
        before = len(os.listdir(f"/proc/{ntc.process.pid}/fd"))
        one = bus.connect()
        for _ in range(20):
            with open("/dev/null", "rb") as null, refused("NotSupported"):
                one.blacklist("Add", "s", "203.0.113.7", fds=[null.fileno()] * 10)
        assert len(os.listdir(f"/proc/{ntc.process.pid}/fd")) <= before + 1
        assert bus.connect().listed() == {}


def fill(connection, which, entries):
    """Side by side, but the bus lets nobody wait for more than 128 replies."""
    for begin in range(0, entries, 64):
        calls = [connection.begin_ntc(which, "Add", "s", f"2001:db8::{i:x}") for i in range(begin, begin + 64)]
        assert all(connection.reply(call) == [True] for call in calls)


def test_full_list():
    with daemon("lists:\n  capacity: 1024\n") as (bus, ntc):
        root = bus.connect()
        fill(root, "Whitelist", 1024)
        with refused("LimitReached", "lists.capacity"):
            root.ntc("Whitelist", "Add", "s", "192.0.2.1")
        assert root.get("org.ntc.Whitelist", "Count") == 1024 == len(root.listed("Whitelist"))


def resident_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024


@contextlib.contextmanager
def stopped(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def whitelisted(connection):
    """How many; 0 if that is refused."""
    try:
        return len(connection.listed("Whitelist"))
    except DBusError:
        return 0


@once  # the sanitizers keep freed memory for a while
def test_long_answers_that_nobody_takes():
    """A bus that hangs, and hundreds of callers who want the whole list: they don't eat up the memory."""
    with daemon("lists:\n  capacity: 1024\n") as (bus, ntc), contextlib.ExitStack() as stack:
        callers = [bus.connect(NOBODY) for _ in range(5)]
        fill(bus.connect(), "Whitelist", 1024)
        before, pid = resident_mib(ntc.process.pid), ntc.process.pid
        with stopped(pid):
            for caller in callers:
                for _ in range(100):
                    caller.begin_ntc("Whitelist", "List")
            assert all(caller.call(*DRIVER, "GetId") for caller in callers)  # the bus has passed all of it on
            stack.enter_context(stopped(bus.process.pid))
        expect(lambda: ntc.request("GET", "/healthz").status, 200)
        expect(lambda: resident_mib(pid) > before + 8, True, 20)
        assert settled(lambda: round(resident_mib(pid)), 1.5, 30) < before + 32
        stack.close()
        for caller in callers:
            caller.close()
            bus.connections.remove(caller)
        expect(lambda: whitelisted(bus.connect()), 1024, 20)  # once the bus has taken all of it


def test_signals_for_every_change_whoever_made_it():
    with daemon() as (bus, ntc):
        root, watcher = bus.connect(), bus.connect(NOBODY)
        watcher.watch()
        count = 0

        def told(member, address, now):
            nonlocal count
            signal = watcher.signal(member)
            assert signal and signal.body[0] == address and signal.interface == "org.ntc.Blacklist", signal
            if now != count:
                change = watcher.signal("PropertiesChanged")
                assert change.body == ["org.ntc.Blacklist", {"Count": ("u", now)}, []], change
            count = now
            return signal

        root.blacklist("Add", "s", "203.0.113.7")
        assert told("Added", "203.0.113.7", 1).body[1]["by"] == ("s", "uid 0 over dbus")
        ntc.add("blacklist", "203.0.113.8")
        assert told("Added", "203.0.113.8", 2).body[1]["by"] == ("s", "uid 0 over http")
        ntc.add("blacklist", "203.0.113.8", comment="again")
        assert told("Added", "203.0.113.8", 2).body[1]["comment"] == ("s", "again")
        ntc.remove("blacklist", "203.0.113.7")
        told("Removed", "203.0.113.7", 1)
        ntc.add("blacklist", "203.0.113.9", ttl=1)
        told("Added", "203.0.113.9", 2)
        told("Expired", "203.0.113.9", 1)
        root.blacklist("AddWithOptions", "sa{sv}", "203.0.113.10", {"confirm": ("t", 1)})
        told("Added", "203.0.113.10", 2)
        told("Expired", "203.0.113.10", 1)
        root.blacklist("Remove", "s", "203.0.113.99")  # no change, nothing told
        assert watcher.receive(lambda m: m.path == "/org/ntc", 0.3) is None
        assert ntc.metrics().sum("ntc_bus_signals_lost_total") == 0


def test_interfaces_are_told():
    with World(cables=2) as world, PrivateBus(world) as bus:
        watcher = bus.connect()
        watcher.watch("type='signal',path='/org/ntc'")
        world.start(["eth*"])
        bus.wait_for_name()
        expect(lambda: watcher.get("org.ntc.Manager", "Interfaces"), ["eth0", "eth1"])
        world.host.ip("link", "set", "eth1", "name", "wlan0")
        change = watcher.receive(lambda m: m.member == "PropertiesChanged" and m.body[0] == "org.ntc.Manager"
                                 and m.body[1].get("Interfaces") == ("as", ["eth0"]))
        assert change, "eth1 is gone, and nobody was told"


def test_log_control():
    path, interface = LOG_CONTROL
    with daemon() as (bus, ntc):
        root = bus.connect()
        assert set(introspect(root, path)[interface]) == {"LogLevel", "LogTarget", "SyslogIdentifier"}
        assert root.get(interface, "SyslogIdentifier", path) == "ntc"
        assert root.get(interface, "LogTarget", path) == "console"
        for level in ("debug", "err", "info"):
            root.call("org.ntc", path, PROPERTIES, "Set", "ssv", interface, "LogLevel", ("s", level))
            assert root.get(interface, "LogLevel", path) == level
        for value in (("s", "loud"), ("s", "x" * 10240), ("u", 7)):
            with refused("InvalidArgs"):
                root.call("org.ntc", path, PROPERTIES, "Set", "ssv", interface, "LogLevel", value)
        with refused("NotSupported", "StandardError="):
            root.call("org.ntc", path, PROPERTIES, "Set", "ssv", interface, "LogTarget", ("s", "syslog"))
        assert root.get(interface, "LogLevel", path) == "info" and ntc.running()


def test_bus_gone_and_back():
    with daemon() as (bus, ntc):
        bus.connect().blacklist("Add", "s", "203.0.113.7")
        for _ in range(3):
            bus.stop_bus()
            ntc.add("blacklist", "203.0.113.8")
            ntc.remove("blacklist", "203.0.113.8")
            bus.start_bus()
            bus.wait_for_name()
            one = bus.connect()
            assert list(one.listed()) == ["203.0.113.7"]
            assert one.blacklist("Add", "s", "203.0.113.9") == [True]
            assert one.blacklist("Remove", "s", "203.0.113.9") == [True]
        assert ntc.log_path.read_text().count("The bus is gone") == 3


@long
def test_no_bus_is_told_once():
    with World(cables=0) as world:
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={world.folder}/nothing/here"
        ntc = world.launch(world.config(), ["--mock"]).wait_ready()
        expect(lambda: "There is no message bus" in ntc.log_path.read_text(), True, 15)
        ntc.add("blacklist", "203.0.113.7")
        expect(lambda: ntc.request("GET", "/healthz").status, 200)
        text = ntc.log_path.read_text()
        assert len(re.findall("(?i)message bus", text)) == 1, text


def test_bus_that_comes_later():
    with World(cables=0) as world:
        bus = PrivateBus(world)
        ntc = bus.start(wait_for_name=False)
        bus.start_bus()
        bus.wait_for_name()
        assert bus.connect().listed() == {}
        bus.__exit__()
        assert ntc.running()


@long
def test_name_of_another():
    """A second ntc doesn't take the name, and takes it over when the first ends."""
    with World(cables=0) as world, PrivateBus(world) as bus:
        holder = bus.connect()
        assert holder.call(*DRIVER, "RequestName", "su", "org.ntc", 0) == [1]
        ntc = bus.start(wait_for_name=False)
        expect(lambda: "another ntc has it" in ntc.log_path.read_text(), True)
        ntc.add("blacklist", "203.0.113.7")
        holder.close()
        bus.connections.remove(holder)
        with contextlib.closing(Connection(bus.socket)) as probe:
            expect(lambda: probe.call(*DRIVER, "NameHasOwner", "s", "org.ntc"), [True], 20)
        assert list(bus.connect().listed()) == ["203.0.113.7"]
        assert ntc.log_path.read_text().count("another ntc has it") == 1
