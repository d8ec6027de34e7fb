# SPDX-License-Identifier: MIT
"""From one process to the next without a gap: the service manager's fd store, played by this test.

A stream of packets from a blacklisted host runs throughout; the receiver counts what gets through."""
import array
import os
import re
import signal
import socket
import subprocess
import threading
import time

from kernel import TCX_INGRESS, tcx_programs
from stream import FOE, FRIEND, HOST, Stream, dropped
from world import Daemon, World, die_with_parent, expect


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
        return daemon.wait_ready()


def test_no_packet_leaks_and_no_count_is_lost():
    with World() as world:
        store = Store(world)
        ntc = store.start(world)
        ntc.add("blacklist", FOE)
        expect(lambda: len([name for name in store.names() if "link" in name]), 2)
        with Stream(world) as stream:
            time.sleep(0.3)
            assert stream.leaked() == 0 and stream.sent > 100
            before = dropped(ntc)
            for end in (signal.SIGTERM, signal.SIGKILL) * 3:
                ntc.signal(end)
                ntc.wait()
                time.sleep(0.1)
                ntc = store.start(world)
                expect(lambda: dropped(ntc) > before, True)
                before = dropped(ntc)
            assert stream.leaked() == 0, "leaked over a restart"
            sent = stream.sent
        expect(lambda: dropped(ntc) >= sent, True)
        assert dropped(ntc) == stream.sent, "counted to the packet over six restarts"
        assert ntc.metrics().sum("ntc_accounting_drift_packets") == 0
        assert ntc.entries("blacklist")[FOE]["packets"] == stream.sent, "hits go on"
        ntc.stop()
        assert len(tcx_programs(world.host, "eth0", TCX_INGRESS)) == 1, "the store holds on to it"
        store.drop()
        assert tcx_programs(world.host, "eth0", TCX_INGRESS) == []


def test_a_changed_capacity_is_taken_over_without_a_gap():
    with World() as world:
        store = Store(world)
        ntc = store.start(world)
        ntc.add("blacklist", FOE)
        names = store.names()
        with Stream(world) as stream:
            time.sleep(0.2)
            for capacity in (2048, 4096):
                ntc.kill()
                ntc = store.start(world, world.config(extra=f"lists:\n  capacity: {capacity}\n"))
                assert re.search(rf'"capacity":{capacity}', ntc.request("GET", "/blacklist").text)
                assert ntc.metrics().sum("ntc_accounting_drift_packets") == 0
            time.sleep(0.2)
            assert stream.leaked() == 0
        expect(lambda: len(store.names()), len(names))
        ntc.stop()
        store.drop()


def test_lists_of_kernel_and_file_are_reconciled():
    with World() as world:
        store = Store(world)
        ntc = store.start(world)
        ntc.add("blacklist", FOE)
        ntc.add("blacklist", "203.0.113.9")
        ntc.kill()
        text = world.state.read_text()
        assert FRIEND not in text
        world.state.write_text(text.replace(FOE, FRIEND))
        ntc = store.start(world)
        assert set(ntc.entries("blacklist")) == {FRIEND, "203.0.113.9"}
        assert not world.udp(world.peer, FRIEND, world.host, HOST)
        assert world.udp(world.peer, FOE, world.host, HOST)
        assert "1 entries added, 1 removed" in ntc.log_path.read_text()
        ntc.stop()
        store.drop()


def test_hits_of_what_was_removed_go_to_nobody_else():
    with World() as world:
        store = Store(world)
        ntc = store.start(world)
        ntc.add("blacklist", FOE)
        for _ in range(10):
            assert not world.udp(world.peer, FOE, world.host, HOST)
        assert ntc.entries("blacklist")[FOE]["packets"] == 10
        ntc.remove("blacklist", FOE)
        ntc.kill()
        ntc = store.start(world)
        ntc.add("blacklist", FRIEND)
        assert ntc.entries("blacklist")[FRIEND]["packets"] == 0, "hits of an entry that is gone"
        assert not world.udp(world.peer, FRIEND, world.host, HOST)
        assert ntc.entries("blacklist")[FRIEND]["packets"] == 1
        ntc.stop()
        store.drop()
