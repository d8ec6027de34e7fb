# SPDX-License-Identifier: MIT
"""A message bus of a test's own, with the policy of a system bus and ntc's, and connections to it.

    with World(cables=0) as world, PrivateBus(world) as bus:
        ntc = bus.start()                               # ntc --mock on this bus
        root, nobody = bus.connect(), bus.connect(uid=65534)
        assert root.blacklist("Add", "s", "203.0.113.7") == [True]
"""
import contextlib
import os
import pathlib
import select
import socket
import subprocess
import time

import dbus_wire
from process import die_with_parent
from waiting import expect

SOURCE = pathlib.Path(__file__).parents[2]
NOBODY = 65534
DRIVER = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
PROPERTIES = "org.freedesktop.DBus.Properties"
NAME, PATH = "org.ntc", "/org/ntc"

# What a system bus allows (system.conf of the reference implementation), and root may own all.
CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "https://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <limit name="max_connections_per_user">4096</limit>
  <limit name="max_pending_service_starts">64</limit>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
    <allow send_destination="org.freedesktop.PolicyKit1"/>
  </policy>
  <policy user="root">
    <allow own="*"/>
  </policy>
  <include>{ntc}</include>
</busconfig>
"""


class DBusError(Exception):
    def __init__(self, name, text):
        super().__init__(f"{name}: {text}")
        self.name, self.text = name, text


class Connection:
    def __init__(self, path, uid=0):
        self.serial, self.received, self.buffer = 0, [], b""
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        place = os.open(path, os.O_PATH)  # root may get there
        os.seteuid(uid)  # the bus takes the uid of connect()
        try:
            self.socket.connect(f"/proc/self/fd/{place}")
        finally:
            os.seteuid(0)
            os.close(place)
        self.socket.sendall(b"\0AUTH EXTERNAL " + str(uid).encode().hex().encode() + b"\r\n")
        assert self.socket.recv(512).startswith(b"OK ")
        self.socket.sendall(b"NEGOTIATE_UNIX_FD\r\n")
        assert self.socket.recv(512) == b"AGREE_UNIX_FD\r\n"
        self.socket.sendall(b"BEGIN\r\n")
        self.name = self.call(*DRIVER, "Hello")[0]

    def close(self):
        self.socket.close()

    def send(self, kind, signature="", body=(), fds=(), **fields):
        """The message's serial."""
        self.serial += 1
        if fds:
            fields["fds"] = len(fds)
        data = dbus_wire.encode(kind, self.serial, signature, body, **fields)
        if fds:
            sent = socket.send_fds(self.socket, [data], fds)
            assert sent == len(data)
        else:
            self.socket.sendall(data)
        return self.serial

    def receive(self, wanted, within=20.0):
        """The first message for which wanted() holds; the others stay. None: nothing came."""
        until = time.monotonic() + within
        while True:
            for message in self.received:
                if wanted(message):
                    self.received.remove(message)
                    return message
            if not select.select([self.socket], [], [], max(0, until - time.monotonic()))[0]:
                return None
            data = self.socket.recv(1 << 20)
            if not data:
                raise ConnectionError("the bus closed the connection")
            self.buffer += data
            while (decoded := dbus_wire.decode(self.buffer))[0]:
                self.received.append(decoded[0])
                self.buffer = self.buffer[decoded[1]:]

    def reply(self, serial, within=20.0):
        message = self.receive(lambda m: m.reply_to == serial, within)
        if message is None:
            raise TimeoutError(f"no reply within {within} s")
        if message.kind == dbus_wire.ERROR:
            raise DBusError(message.error, message.body[0] if message.body else "")
        return message.body

    def begin(self, destination, path, interface, member, signature="", *body, **options):
        """Sends a call and returns its serial, for reply()."""
        return self.send(dbus_wire.CALL, signature, body, destination=destination, path=path,
                         interface=interface, member=member, **options)

    def call(self, *call, within=20.0, **options):
        return self.reply(self.begin(*call, **options), within)

    def begin_ntc(self, interface, member, signature="", *body, **options):
        return self.begin(NAME, PATH, f"org.ntc.{interface}", member, signature, *body, **options)

    def ntc(self, interface, member, signature="", *body, **options):
        return self.call(NAME, PATH, f"org.ntc.{interface}", member, signature, *body, **options)

    def blacklist(self, member, signature="", *body, **options):
        return self.ntc("Blacklist", member, signature, *body, **options)

    def get(self, interface, member, path=PATH):
        return self.call(NAME, path, PROPERTIES, "Get", "ss", interface, member)[0][1]

    def listed(self, which="Blacklist"):
        return dict(self.ntc(which, "List")[0])

    def watch(self, rule=f"type='signal',sender='{NAME}'"):
        self.call(*DRIVER, "AddMatch", "s", rule)

    def signal(self, member, within=10.0):
        """The next signal of this name; others stay."""
        return self.receive(lambda m: m.kind == dbus_wire.SIGNAL and m.member == member, within)


@contextlib.contextmanager
def refused(name, text=""):
    """What happens inside must be refused with this error."""
    try:
        yield
    except DBusError as error:
        short = name if "." in name.removeprefix("org.ntc.Error.") else f"org.ntc.Error.{name}"
        assert error.name in (short, f"org.freedesktop.DBus.Error.{name}") and text in error.text, error
    else:
        raise AssertionError(f"no {name}")


class PrivateBus:
    def __init__(self, world):
        self.world = world
        self.socket = world.folder / "bus"
        self.config = world.folder / "bus.conf"
        self.config.write_text(CONFIG.format(socket=self.socket, ntc=SOURCE / "dbus/org.ntc.conf"))
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={self.socket}"
        self.process, self.connections = None, []

    def start_bus(self):
        self.process = subprocess.Popen(
            ["dbus-daemon", f"--config-file={self.config}", "--nofork", "--nopidfile", "--nosyslog"],
            preexec_fn=die_with_parent, stderr=subprocess.DEVNULL)
        expect(self.answers, True)

    def answers(self):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(self.socket))
            return True
        return False

    def stop_bus(self):
        self.process.terminate()
        self.process.wait()

    def start(self, extra="", wait_for_name=True):
        """ntc --mock, once it has its name."""
        ntc = self.world.launch(self.world.config(extra=extra), ["--mock"]).wait_ready()
        if wait_for_name:
            self.wait_for_name()
        return ntc

    def wait_for_name(self):
        with contextlib.closing(Connection(self.socket)) as probe:
            expect(lambda: probe.call(*DRIVER, "NameHasOwner", "s", NAME), [True], 20)

    def connect(self, uid=0):
        connection = Connection(self.socket, uid)
        self.connections.append(connection)
        return connection

    def __enter__(self):
        self.start_bus()
        return self

    def __exit__(self, *_):
        for connection in self.connections:
            connection.close()
        self.stop_bus()
