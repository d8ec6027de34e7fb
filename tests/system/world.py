# SPDX-License-Identifier: MIT
"""A small world for one test: a host that runs ntc, a peer, veth cables between them.

    with World() as world:
        ntc = world.start()
        assert world.udp(world.peer, "10.77.0.3", world.host, "10.77.0.1")
        ntc.add("blacklist", "10.77.0.3")

Each cable is eth0, eth1, ... on both ends, with the addresses 10.77.N.1 and fd77:N::1 on the host's
side and .2 to .5 (::2 to ::5) on the peer's.
"""
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

from client import Client
from namespace import Namespace, family_of
from process import die_with_parent, run

SO_RCVBUFFORCE = 33


class Daemon(Client):
    def __init__(self, world, config, arguments, program=(), namespace=None):
        super().__init__(world.host)
        self.world = world
        self.namespace = namespace or world.host
        self.log_path = world.folder / f"ntc-{len(world.daemons)}.log"
        self.config_path = world.folder / "config.yaml"
        if config is not None:
            self.config_path.write_text(config)
        self.log = open(self.log_path, "wb")
        self.process = self.namespace.popen(
            *(program or [os.environ["NTC_BINARY"]]), "--config", str(self.config_path), *arguments,
            stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL, cwd=world.folder)

    def wait_ready(self, within=20.0):
        until = time.monotonic() + within
        while True:
            assert self.process.poll() is None, \
                f"ntc ended with {self.process.returncode}: {self.log_path.read_text()}"
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.request("GET", "/healthz").status == 200:
                    return self
            assert time.monotonic() < until, "ntc does not get ready"
            time.sleep(0.01)

    def signal(self, number):
        self.process.send_signal(number)

    def running(self):
        return self.process.poll() is None

    def wait(self, within=15.0):
        status = self.process.wait(within)
        self.log.close()
        return status

    def stop(self):
        """A clean stop: status 0, and no complaint of a sanitizer (ASan's leak check sets a status)."""
        self.signal(signal.SIGTERM)
        status = self.wait()
        text = self.log_path.read_text(errors="replace")
        assert status == 0, f"exit status {status}: {text}"
        assert "Sanitizer" not in text and "runtime error:" not in text, text

    def kill(self):
        self.signal(signal.SIGKILL)
        self.wait()


class World:
    def __init__(self, cables=1, configure=True):
        self.cables = cables
        self.configure = configure
        self.folder = None
        self.mounts = []
        self.daemons = []
        self.children = []
        self.namespaces = []

    def namespace(self, role):
        made = Namespace(f"ntc-test-{os.getpid()}-{role}")
        self.namespaces.append(made)
        return made

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ntc-test-"))
        try:
            self.host = self.namespace("host")
            self.peer = self.namespace("peer")
            for cable in range(self.cables):
                self.host.ip("link", "add", f"eth{cable}", "type", "veth",
                             "peer", "name", f"eth{cable}", "netns", self.peer.name)
                if self.configure:
                    self.bring_up(cable)
        except BaseException:
            self.clean()
            raise
        return self

    def bring_up(self, cable):
        for namespace, last in ((self.peer, (2, 3, 4, 5)), (self.host, (1,))):
            for n in last:
                namespace.ip("address", "add", f"10.77.{cable}.{n}/24", "dev", f"eth{cable}")
                namespace.ip("address", "add", f"fd77:{cable}::{n}/64", "dev", f"eth{cable}", "nodad")
            namespace.ip("link", "set", f"eth{cable}", "up")
        # Neighbour discovery is ICMPv6, and subject to the lists as any of it; and slow on a new link.
        # And without ARP there is less to be counted that a test didn't send.
        for namespace, other, last in ((self.peer, self.host, (1,)), (self.host, self.peer, (2, 3, 4, 5))):
            for n in last:
                for address in (f"fd77:{cable}::{n}", f"10.77.{cable}.{n}"):
                    namespace.ip("neighbour", "replace", address, "dev", f"eth{cable}",
                                 "lladdr", other.mac(f"eth{cable}").hex(":"), "nud", "permanent")

    def silence(self):
        """Nothing speaks unasked any more: IPv6 looks for routers, neighbours and groups whenever it likes."""
        for namespace in (self.host, self.peer):
            with namespace.inside():
                for cable in range(self.cables):
                    pathlib.Path(f"/proc/sys/net/ipv6/conf/eth{cable}/disable_ipv6").write_text("1")

    def no_offload(self, cable=0):
        for namespace in (self.host, self.peer):
            namespace.run("ethtool", "-K", f"eth{cable}", "gso", "off", "gro", "off", "tso", "off")

    @property
    def state(self):
        return self.folder / "lists.json"

    def config(self, interfaces=None, path=None, extra=""):
        names = interfaces or [f"eth{cable}" for cable in range(self.cables)]
        return (f"server:\n  port: {Daemon.port}\n"
                f"network:\n  interfaces: {json.dumps(names)}\n"
                f"persistence:\n  path: {path or self.state}\n"
                f"flows:\n  scan_interval_ms: 100\n{extra}")

    def launch(self, config=None, arguments=(), program=(), namespace=None):
        """Starts ntc (on the host, or in another namespace) and doesn't wait. config None: the one that is
        there already. program: what to run instead of NTC_BINARY itself."""
        daemon = Daemon(self, config, arguments, program, namespace)
        self.daemons.append(daemon)
        return daemon

    def start(self, interfaces=None, path=None, extra="", arguments=()):
        return self.launch(self.config(interfaces, path, extra), arguments).wait_ready()

    def spawn(self, namespace, *command, **options):
        child = namespace.popen(*command, **options)
        self.children.append(child)
        return child

    def fork(self, function):
        """Runs function() in a process of its own until the world ends. Returns its pid."""
        pid = os.fork()
        if pid == 0:
            try:
                die_with_parent()
                function()
            finally:
                os._exit(0)
        self.children.append(pid)
        return pid

    def end_child(self, child):
        if isinstance(child, int):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        else:
            child.kill()
            child.wait()
        self.children.remove(child)

    def mount(self, kind, name, options="rw"):
        path = self.folder / name
        path.mkdir()
        run("mount", "-t", kind, "-o", options, kind, str(path))
        self.mounts.append(path)
        return path

    def mount_tmpfs(self, name, options):
        return self.mount("tmpfs", name, options)

    def udp(self, source, source_address, target, target_address, port=9000, source_port=0,
            wait=0.25):
        """Does a datagram get there? Delivery over veth is immediate, so a short wait is enough."""
        family = family_of(source_address)
        with source.socket(family, socket.SOCK_DGRAM) as out, \
                target.socket(family, socket.SOCK_DGRAM) as to:
            to.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            to.bind((target_address, port))
            to.settimeout(wait)
            out.bind((source_address, source_port))
            token = os.urandom(8)
            with contextlib.suppress(OSError):  # ENOBUFS where egress drops
                out.sendto(token, (target_address, port))
            try:
                return to.recv(64) == token
            except TimeoutError:
                return False

    def ping(self, source, source_address, target_address):
        """Is an echo request answered?"""
        family = family_of(source_address)
        v6 = family == socket.AF_INET6
        protocol = socket.IPPROTO_ICMPV6 if v6 else socket.IPPROTO_ICMP
        head = struct.pack("!BBHHH", 128 if v6 else 8, 0, 0, 1, 1)
        # The kernel fills in ICMPv6's checksum, not ICMP's.
        total = 0xFFFF - sum(struct.unpack("!4H", head)) % 0xFFFF
        with source.socket(family, socket.SOCK_RAW, protocol) as raw:
            raw.settimeout(0.3)
            raw.bind((source_address, 0))
            with contextlib.suppress(OSError):  # ENOBUFS where egress drops
                raw.sendto(head[:2] + struct.pack("!H", 0 if v6 else total) + head[4:], (target_address, 0))
            try:
                while True:
                    packet = raw.recv(2048)
                    if packet[0 if v6 else 20] == (129 if v6 else 0):
                        return True
            except TimeoutError:
                return False

    def listen(self, namespace, address, port):
        listener = namespace.socket(family_of(address))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(16)
        listener.settimeout(5)
        return listener

    def connect(self, namespace, address, target_address, port, source_port=0, within=5.0):
        """A connected socket; raises TimeoutError where nothing answers."""
        stream = namespace.socket(family_of(address))
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stream.settimeout(within)
        try:
            stream.bind((address, source_port))
            stream.connect((target_address, port))
        except BaseException:
            stream.close()
            raise
        return stream

    def tcp(self, source, source_address, target, target_address, port, source_port=0):
        """Does a TCP connection come about and carry a byte each way?"""
        with self.listen(target, target_address, port) as listener:
            try:
                out = self.connect(source, source_address, target_address, port, source_port, 0.6)
            except TimeoutError:
                return False
            with out:
                accepted, _ = listener.accept()
                with accepted:
                    accepted.settimeout(1)
                    out.sendall(b"a")
                    there = accepted.recv(1)
                    accepted.sendall(b"b")
                    return (there, out.recv(1)) == (b"a", b"b")

    def __exit__(self, kind, error, trace):
        try:
            if kind is None:
                for daemon in self.daemons:
                    if daemon.running():
                        daemon.stop()
        except BaseException as failure:
            kind = failure
            raise
        finally:
            if kind is not None:
                for daemon in self.daemons:
                    print(f"--- {daemon.log_path.name}:",
                          daemon.log_path.read_text(errors="replace")[-4000:], sep="\n")
            self.clean()

    def clean(self):
        for daemon in self.daemons:
            if daemon.running():
                daemon.kill()
        for child in list(self.children):
            self.end_child(child)
        for path in reversed(self.mounts):
            subprocess.run(["umount", "--lazy", str(path)])
        for namespace in self.namespaces:
            namespace.delete()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
