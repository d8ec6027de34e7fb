# SPDX-License-Identifier: MIT
"""Clients of GET /events."""
import json
import pathlib
import os
import select
import socket
import threading
import time

REQUEST = "GET /events HTTP/1.1\r\nHost: localhost\r\n{}\r\n"


class Viewer:
    """Collects what it is sent. `read` false: connects, asks, and never reads."""

    def __init__(self, namespace, port, read=True, headers="", address="127.0.0.1", source=None):
        self.received = bytearray()
        self.ended = False
        self.socket = namespace.socket(socket.AF_INET)
        if not read:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect((address, port))
        self.socket.sendall(REQUEST.format(headers).encode())

    def body(self):
        """Without the header and the chunks' sizes."""
        text, out = bytes(self.received), []
        at = text.find(b"\r\n\r\n") + 4
        assert text.startswith(b"HTTP/1.1 200"), text[:200]
        assert b"chunked" in text[:at] and b"text/event-stream" in text[:at], text[:at]
        while (end := text.find(b"\r\n", at)) >= 0:
            size = int(text[at:end], 16)
            out.append(text[end + 2:end + 2 + size])
            at = end + 2 + size + 2
        return b"".join(out)

    def messages(self):
        """[(name, id, data)] of the complete ones."""
        found = []
        for block in self.body().decode().split("\n\n")[:-1]:
            fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
            if "data" in fields:
                found.append((fields.get("event", ""), fields.get("id"), json.loads(fields["data"])))
        return found


class Seen:
    """The sums over what one viewer was sent."""

    def __init__(self, viewer):
        messages = viewer.messages()
        self.events = [data for name, _, data in messages if name == ""]
        self.gaps = [data["packets"] for name, _, data in messages if name == "gap"]
        self.ids = [int(number) for name, number, _ in messages if name == ""]

    def of(self, action):
        return [event for event in self.events if event["action"] == action]

    @property
    def packets(self):
        assert None not in self.gaps, "a gap of unknown size"
        return sum(event["packets"] for event in self.events) + sum(self.gaps)


class Audience:
    """Viewers that are read by a thread until the audience is closed."""

    def __init__(self):
        self.viewers = []
        self.silent = []
        self.poll = select.epoll()
        self.stopping = False
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def add(self, world, ntc, read=True, headers="", source=None):
        """From loopback, or from that address of the peer."""
        viewer = (Viewer(world.peer, ntc.port, read, headers, "10.77.0.1", source) if source
                  else Viewer(world.host, ntc.port, read, headers))
        if read:
            self.viewers.append(viewer)
            self.poll.register(viewer.socket.fileno(), select.EPOLLIN)
            until = time.monotonic() + 5
            while b"retry:" not in viewer.received:
                assert time.monotonic() < until, f"no stream: {bytes(viewer.received)}"
                time.sleep(0.001)
        else:
            self.silent.append(viewer)
        return viewer

    def read(self):
        while not self.stopping:
            for fd, _ in self.poll.poll(0.2):
                viewer = next(v for v in self.viewers if v.socket.fileno() == fd)
                try:
                    data = viewer.socket.recv(1 << 18)
                except OSError:
                    data = b""
                viewer.received += data
                if not data:
                    viewer.ended = True
                    self.poll.unregister(fd)

    def __exit__(self, *_):
        self.stopping = True
        self.thread.join()
        for viewer in self.viewers + self.silent:
            viewer.socket.close()


def flood(world, packets, *options):
    """Starts the load generator from the peer's eth0; its output tells what it sent."""
    program = pathlib.Path(os.environ["NTC_BINARY"]).parent.parent / "tests/bench/flood"
    world.host.run("ethtool", "-K", "eth0", "gro", "on")
    return world.spawn(world.peer, str(program), "--interface", "eth0", "--packets", str(packets), *options,
                       stdout=-1, text=True)


def flooded(world, child):
    """Waits for its end, and returns what it says."""
    out, _ = child.communicate(timeout=60)
    world.children.remove(child)
    assert child.returncode == 0, out
    return json.loads(out)
