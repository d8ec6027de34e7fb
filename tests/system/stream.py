# SPDX-License-Identifier: MIT
"""What must not get through, counted where it would arrive."""
import contextlib
import socket
import threading
import time

HOST, FRIEND, FOE = "10.77.0.1", "10.77.0.3", "10.77.0.4"


class Stream:
    """UDP from a blacklisted host, about 5,000 packets a second, and a socket that counts arrivals."""

    def __init__(self, world):
        self.world = world
        self.running = True
        self.sent = 0
        self.sink = world.host.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sink.bind((HOST, 9999))
        self.sink.setblocking(False)
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        with self.world.peer.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.bind((FOE, 0))
            while self.running:
                with contextlib.suppress(OSError):  # while its interface is away
                    for _ in range(5):
                        out.sendto(b"leak", (HOST, 9999))
                        self.sent += 1
                time.sleep(0.001)

    def leaked(self):
        count = 0
        while True:
            try:
                self.sink.recv(64)
                count += 1
            except BlockingIOError:
                return count

    def __enter__(self):
        self.thread.start()
        return self

    def stop(self):
        self.running = False
        self.thread.join()

    def __exit__(self, *_):
        self.stop()
        self.sink.close()


def dropped(ntc):
    return ntc.packets(action="DROP")
