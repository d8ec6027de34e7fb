# SPDX-License-Identifier: MIT
"""Many viewers of /events, and small requests."""
import re
import select
import time

from lab import cable, config, cpu_ns, flood, say
from viewer import Viewer

EVENTS_PER_SECOND = 2000


class Counting:
    """Counts the messages it is sent, and keeps the first and the last number."""

    def __init__(self, world, ntc):
        self.socket = Viewer(world.host, ntc.port).socket
        self.count, self.first, self.last = 0, None, None
        self.rest, self.ended = b"", False

    def take(self):
        data = self.socket.recv(1 << 18)
        self.ended = not data
        text = self.rest + data
        end = text.rfind(b"\n") + 1
        self.rest, text = text[end:], text[:end]
        numbers = re.findall(rb"^id: (\d+)", text, re.M)
        if numbers:
            self.count += len(numbers)
            self.first = self.first or int(numbers[0])
            self.last = int(numbers[-1])

    def lost(self):
        return self.ended or self.first is None or self.last - self.first + 1 != self.count


def collect(clients, seconds):
    poll = select.epoll()
    by_fd = {client.socket.fileno(): client for client in clients}
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for fd, _ in poll.poll(0.05):
            by_fd[fd].take()
            if by_fd[fd].ended:
                poll.unregister(fd)


def viewers(bench, world, ntc, n):
    clients = [Counting(world, ntc) for _ in range(n)]
    time.sleep(0.5)
    generator = world.fork(lambda: flood(bench, world, 3 * EVENTS_PER_SECOND * (bench.seconds + 4),
                                         rate=3 * EVENTS_PER_SECOND, cpus=1))
    cpu, began = cpu_ns(ntc.process.pid), time.monotonic()
    collect(clients, bench.seconds)
    took = time.monotonic() - began
    row = {"clients": n, "losing": sum(client.lost() for client in clients),
           "events_per_client": sum(client.count for client in clients) / n / took,
           "cpu": (cpu_ns(ntc.process.pid) - cpu) / 1e9 / took}
    world.end_child(generator)
    for client in clients:
        client.socket.close()
    time.sleep(0.5)
    say(f"{n} viewers: {row['events_per_client']:.0f} events/s each, {row['losing']} lost any, {row['cpu']:.0%} of a core")
    return row


def requests(bench, world, ntc):
    """wrk's figure for GET /healthz."""
    text = world.host.run("wrk", "-t1", "-c32", f"-d{bench.seconds}s", f"http://127.0.0.1:{ntc.port}/healthz")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])


def http(bench):
    with cable() as world:
        ntc = world.launch(config(f"events:\n  budget: {EVENTS_PER_SECOND}\n")).wait_ready()
        rows = [viewers(bench, world, ntc, n) for n in (1, 10, 50, 100, 200)]
        result = {"viewers": rows, "requests_per_second": requests(bench, world, ntc)}
        say(f"{result['requests_per_second']:,.0f} small requests/s")
        ntc.stop()
        return result
