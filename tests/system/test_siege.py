# SPDX-License-Identifier: MIT
"""Clients that misbehave, all at once, and those who don't."""
import errno
import json
import os
import resource
import select
import socket
import time

from marks import alone, once
from namespace import CLONE_NEWNET
from process import libc
from viewer import Audience, Seen
from waiting import expect
from world import World

HOST, SCRAPER, PORT = "10.77.0.1", "10.77.0.9", 8086
HOSTILE = [f"10.77.0.{n}" for n in range(100, 160)]
SLOW, IDLE = 500, 2000
STREAMS, SILENT = 50, 5
LIMIT_SEC = 0.1
SIEGE_SEC = 14
MEMORY_BYTES = 48 << 20  # what all connections and streams together may cost
HEAD = b"GET /status HTTP/1.1\r\nHost: 10.77.0.1\r\nX-Slow: " + b"a" * 1000
POST = (b"POST /blacklist HTTP/1.1\r\nHost: 10.77.0.1\r\nContent-Type: application/json\r\n"
        b"Content-Length: 1000\r\n\r\n" + b" " * 1000)


class Hostile:
    """One that connects anew whenever it is cut off. `text` goes out a byte a second; b"" says nothing."""

    def __init__(self, number, text):
        self.source, self.text, self.at, self.stream = HOSTILE[number % len(HOSTILE)], text, 0, None

    def connect(self):
        self.stream = socket.socket(socket.AF_INET)
        self.stream.setblocking(False)
        self.stream.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        self.stream.bind((self.source, 0))
        self.at = 60 if self.text else 0
        done = self.stream.connect_ex((HOST, PORT))
        assert done in (0, errno.EINPROGRESS), os.strerror(done)

    def speak(self):
        try:
            if self.at == 60:
                self.stream.send(self.text[:60])
            self.stream.send(self.text[self.at:self.at + 1])
            self.at += 1
        except OSError:
            pass  # cut off: the poll says so


def besiege(world):
    """In a process of its own, for ever."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    assert libc.setns(world.peer.fd, CLONE_NEWNET) == 0
    poll, by_fd = select.epoll(), {}
    away = [Hostile(n, HEAD if n % 2 else POST) for n in range(SLOW)] + [Hostile(n, b"") for n in range(IDLE)]
    spoken = 0
    while True:
        for hostile in away[:100]:
            hostile.connect()
            poll.register(hostile.stream.fileno(), select.EPOLLIN)
            by_fd[hostile.stream.fileno()] = hostile
        del away[:100]
        if time.monotonic() - spoken > 1:
            spoken = time.monotonic()
            for hostile in by_fd.values():
                if hostile.text:
                    hostile.speak()
        time.sleep(0.1)
        for fd, _ in poll.poll(0, 1000):
            hostile = by_fd.pop(fd)
            poll.unregister(fd)
            hostile.stream.close()
            away.append(hostile)


class Timed:
    """How long each of many requests takes, a connection each."""

    def __init__(self, namespace, address, source=None, port=PORT):
        self.namespace, self.address, self.source, self.port = namespace, address, source, port
        self.seconds = []

    def connect(self):
        stream = self.namespace.socket(socket.AF_INET)
        if self.source:
            stream.bind((self.source, 0))
        stream.connect((self.address, self.port))
        return stream

    def ask(self, method, path, body=""):
        begin = time.monotonic()
        with self.connect() as stream:
            stream.settimeout(10)
            stream.sendall(f"{method} {path} HTTP/1.1\r\nHost: {self.address}\r\nConnection: close\r\n"
                           f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
            answer = bytearray()
            while data := stream.recv(1 << 16):
                answer += data
        assert answer.startswith(b"HTTP/1.1 200"), bytes(answer[:300])
        self.seconds.append(time.monotonic() - begin)

    def summary(self):
        seconds = sorted(self.seconds)
        return {"n": len(seconds), "median": round(seconds[len(seconds) // 2], 4),
                "p95": round(seconds[len(seconds) * 95 // 100], 4), "max": round(seconds[-1], 4)}


def answer_at_once(world):
    """In a process of its own, for ever: does nothing but answer. What it takes longer is the machine's doing."""
    with world.listen(world.host, "127.0.0.1", PORT + 1) as listener:
        listener.settimeout(None)
        while True:
            stream, _ = listener.accept()
            with stream:
                stream.recv(4096)
                stream.sendall(b"HTTP/1.1 200 OK\r\n\r\n")


def measure(world, until):
    """Edits and scrapes from this machine, scrapes from the LAN, and the control, taking turns."""
    edits, scrapes = Timed(world.host, "127.0.0.1"), Timed(world.host, "127.0.0.1")
    far, control = Timed(world.peer, HOST, SCRAPER), Timed(world.host, "127.0.0.1", port=PORT + 1)
    n = 0
    while not until():
        edits.ask("POST", "/blacklist", json.dumps({"ip": f"198.51.{n // 250 % 250}.{n % 250}"}))
        scrapes.ask("GET", "/metrics")
        far.ask("GET", "/metrics")
        control.ask("GET", "/")
        n += 1
        time.sleep(0.03)
    return {"edit": edits.summary(), "metrics": scrapes.summary(), "metrics from the LAN": far.summary(),
            "control": control.summary()}


def resident(ntc):
    return ntc.metrics().sum("process_resident_memory_bytes")


def after(seconds):
    until = time.monotonic() + seconds
    return lambda: time.monotonic() > until


def add_streams(audience, world, ntc):
    for n in range(STREAMS):
        silent = n % (STREAMS // SILENT) == 3
        audience.add(world, ntc, read=not silent, source=f"10.77.0.{2 + n % 4}" if n % 2 else None)


@once
@alone
def test_slow_idle_and_silent_clients_hold_nobody_up():
    with World() as world:
        for address in [SCRAPER, *HOSTILE]:
            world.peer.ip("address", "add", f"{address}/24", "dev", "eth0")
        ntc = world.launch(world.config().replace("server:\n", "server:\n  sse_clients_per_address_max: 64\n", 1) +
                           "mock:\n  rate: 300\n  seed: 1\n", ["--mock"]).wait_ready()
        world.fork(lambda: answer_at_once(world))
        time.sleep(0.2)
        measure(world, after(0.5))
        before = resident(ntc)
        quiet = measure(world, after(2))
        slow = lambda: ntc.metrics().sum("ntc_sse_disconnected_total", reason="slow")
        with Audience() as audience:
            attack = world.fork(lambda: besiege(world))
            expect(lambda: ntc.metrics().sum("ntc_http_connections_cut_total", reason="room") > 500, True, 15)
            add_streams(audience, world, ntc)
            begin = time.monotonic()
            gone = []

            def over():
                if not gone and slow() == SILENT:
                    gone.append(time.monotonic() - begin)
                return time.monotonic() - begin > SIEGE_SEC

            under = measure(world, over)
            during = resident(ntc)
            metrics = ntc.metrics()
            world.end_child(attack)
            print("quiet", quiet, "besieged", under, "gone after", gone, "memory", before, during)
            assert gone and gone[0] < 10, f"{slow()} of {SILENT} cut off, {gone}"
            assert metrics.sum("ntc_http_connections") <= 512 + 32 + 64
            assert metrics.sum("ntc_sse_clients") == STREAMS - SILENT
            for name, figures in under.items():
                late = figures["p95"] - under["control"]["p95"]
                assert late < LIMIT_SEC, f"{name}: {figures}, the control {under['control']}"
                assert figures["median"] < LIMIT_SEC, f"{name}: {figures}"
            for viewer in audience.viewers:
                seen = Seen(viewer)
                ids = seen.ids
                assert not viewer.ended and seen.gaps == [], (viewer.ended, seen.gaps)
                assert len(ids) > 500 and ids == list(range(ids[0], ids[0] + len(ids))), "all of it"
            assert during - before < MEMORY_BYTES, f"{during - before} bytes more"
        expect(lambda: ntc.metrics().sum("ntc_http_connections") < 10, True, 20)
        expect(lambda: resident(ntc) - before < MEMORY_BYTES // 4, True, 10)
        print("memory afterwards", resident(ntc))
