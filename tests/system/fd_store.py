# SPDX-License-Identifier: MIT
"""The service manager's fd store, played by a test: what ntc hands over, and the next ntc is started with."""
import array
import contextlib
import os
import socket
import subprocess
import threading

from process import die_with_parent
from world import Daemon, World


class Store:
    """What sd_notify(3) says of FDSTORE=1, FDSTOREREMOVE=1 and FDNAME=."""

    def __init__(self, world):
        self.path = str(world.folder / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.kept = []  # (name, fd)
        self.lock = threading.Lock()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            text, ancillary, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(64))
            fds = array.array("i")
            for level, kind, data in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    fds.frombytes(data[:len(data) - len(data) % 4])
            lines = dict(line.split("=", 1) for line in text.decode().split("\n") if "=" in line)
            with self.lock:
                if lines.get("FDSTORE") == "1":
                    assert lines["FDPOLL"] == "0"
                    self.kept += [(lines["FDNAME"], fd) for fd in fds]
                elif lines.get("FDSTOREREMOVE") == "1":
                    for pair in [pair for pair in self.kept if pair[0] == lines["FDNAME"]]:
                        os.close(pair[1])
                        self.kept.remove(pair)
                else:
                    for fd in fds:
                        os.close(fd)

    def names(self):
        with self.lock:
            return sorted(name for name, _ in self.kept)

    def drop(self):
        """As after `systemctl stop`."""
        with self.lock:
            for _, fd in self.kept:
                os.close(fd)
            self.kept.clear()

    def lose(self, *maps):
        """As if ntc had been killed before it could hand these over."""
        with self.lock:
            lost = [pair for pair in self.kept if pair[0].endswith(maps)]
            for pair in lost:
                os.close(pair[1])
                self.kept.remove(pair)
        assert len(lost) == len(maps), f"of {maps}: {lost}"

    def start(self, world, config=None):
        """ntc with everything that is kept, as the manager passes it."""
        daemon = Daemon.__new__(Daemon)
        daemon.world, daemon.namespace = world, world.host
        daemon.config_path = world.folder / "config.yaml"
        daemon.config_path.write_text(config or world.config())
        daemon.log_path = world.folder / f"ntc-{len(world.daemons)}.log"
        daemon.log = open(daemon.log_path, "wb")
        with self.lock:
            kept = list(self.kept)

        def pass_on():
            # First out of the way, then to 3, 4, ...
            high = [os.dup2(fd, 500 + n) for n, (_, fd) in enumerate(kept)]
            for n, fd in enumerate(high):
                os.dup2(fd, 3 + n)
            die_with_parent()

        environment = {**os.environ, "NOTIFY_SOCKET": self.path, "LISTEN_FDS": str(len(kept)),
                       "LISTEN_FDNAMES": ":".join(name for name, _ in kept)}
        binary = os.environ["NTC_BINARY"]
        # sh: LISTEN_PID must be that of ntc itself.
        daemon.process = subprocess.Popen(
            ["ip", "netns", "exec", world.host.name, "sh", "-c",
             f'LISTEN_PID=$$ exec "{binary}" --config "{daemon.config_path}"'],
            stdout=daemon.log, stderr=daemon.log, stdin=subprocess.DEVNULL, cwd=world.folder,
            env=environment, preexec_fn=pass_on, close_fds=False)
        world.daemons.append(daemon)
        self.daemon = daemon
        return daemon.wait_ready()


@contextlib.contextmanager
def handover():
    """A world and the store of its ntc; at the end the last one started is stopped, and nothing is kept."""
    with World() as world:
        store = Store(world)
        yield world, store
        if store.daemon.process.poll() is None:
            store.daemon.stop()
        store.drop()
