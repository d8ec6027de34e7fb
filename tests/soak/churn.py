# SPDX-License-Identifier: MIT
"""What happens to a busy ntc, all of it at a modest rate: a step is a quarter of a second of it."""
import contextlib
import http.client
import json
import random
import signal
import socket

from test_hotplug import disturb, plug
from viewer import Viewer

HOST = "10.77.0.1"
STEP_SEC = 0.25
VIEWERS_MAX = 6
PAGES = ("/flows?limit=1000", "/talkers", "/status", "/history", "/alerts", "/blacklist?limit=100", "/", "/nowhere")
NONSENSE = (b"GET /flows HTTP/1.1\r\n\r\n", b"POST /blacklist HTTP/1.1\r\nHost: x.example\r\n\r\n", b"\0\1\2\3\r\n\r\n",
            b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: 10.77.0.1\r\n\r\n", b"GET /met")


class Churn:
    """`packets`: the datapath is the kernel's, and what happens is made here."""

    def __init__(self, world, ntc, packets):
        self.world, self.ntc, self.packets = world, ntc, packets
        self.step, self.viewers, self.silent, self.listed = 0, [], [], []
        self.chance = random.Random(1)
        self.counts = {"edits": 0, "scrapes": 0, "viewers": 0, "reloads": 0, "changes of interfaces": 0, "datagrams": 0}
        self.feed = world.folder / "feed.d" / "some.list"
        if packets:
            plug(world, "eth7", "10.78.0")

    def every(self, steps):
        return self.step % steps == 0

    def run_step(self):
        self.edit()
        self.scrape()
        self.read_viewers()
        if self.packets:
            self.send()
        if self.every(4):
            self.come_and_go()
            self.talk_nonsense()
        if self.every(12):
            self.reload()
        if self.packets and self.every(8):
            disturb(self.world, self.step // 8)
            self.counts["changes of interfaces"] += 1
        self.step += 1

    def edit(self):
        which = self.chance.choice(("blacklist", "whitelist"))
        ip = f"2001:db8::{self.chance.randrange(1 << 16):x}"
        options = self.chance.choice(({}, {"ttl": self.chance.randint(1, 5)}, {"comment": "x" * 100}))
        self.ntc.add(which, ip, **options)
        if "ttl" not in options:
            self.listed.append((which, ip))
        if len(self.listed) > 200:
            which, ip = self.listed.pop(self.chance.randrange(len(self.listed)))
            self.ntc.request("DELETE", f"/{which}?ip={ip.replace(':', '%3A')}")
        self.counts["edits"] += 1

    def scrape(self):
        self.ntc.metrics()
        assert self.ntc.request("GET", self.chance.choice(PAGES)).status in (200, 404)
        self.counts["scrapes"] += 1

    def send(self):
        """From four addresses and many ports, to another port each time: alerts arise, too."""
        with self.world.peer.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.bind((f"10.77.0.{self.chance.randint(2, 5)}", 0))
            for _ in range(50):
                with contextlib.suppress(OSError):
                    out.sendto(b"soak", (HOST, self.chance.randint(2000, 60000)))
                    self.counts["datagrams"] += 1

    def come_and_go(self):
        if self.viewers and self.chance.random() < len(self.viewers) / VIEWERS_MAX:
            self.viewers.pop(self.chance.randrange(len(self.viewers))).close()
            return
        viewer = Viewer(self.world.host, self.ntc.port).socket
        viewer.setblocking(False)
        self.viewers.append(viewer)
        self.counts["viewers"] += 1

    def read_viewers(self):
        for viewer in self.viewers:
            with contextlib.suppress(BlockingIOError, ConnectionError):
                while viewer.recv(1 << 20):
                    pass

    def talk_nonsense(self):
        """And hangs up before, or long after the answer."""
        stream = self.world.host.socket(socket.AF_INET)
        stream.connect(("127.0.0.1", self.ntc.port))
        with contextlib.suppress(OSError):
            stream.sendall(self.chance.choice(NONSENSE))
        self.silent.append(stream)
        if len(self.silent) > 8:
            self.silent.pop(0).close()

    def reload(self):
        """With another feed, sometimes with a configuration that is none."""
        first = self.chance.randrange(200)
        self.feed.write_text("".join(f"198.18.{n}.0/24\n" for n in range(first, first + 50)))
        good = self.ntc.config_path.read_text()
        if self.chance.random() < 0.2:
            self.ntc.config_path.write_text("nonsense: [")
        self.ntc.signal(signal.SIGHUP)
        with contextlib.suppress(OSError, http.client.HTTPException):
            json.loads(self.ntc.request("GET", "/status").text)
        self.ntc.config_path.write_text(good)
        self.counts["reloads"] += 1

    def end(self):
        for stream in self.viewers + self.silent:
            stream.close()
        self.viewers, self.silent = [], []
        for which, ip in self.listed:
            self.ntc.request("DELETE", f"/{which}?ip={ip.replace(':', '%3A')}")
