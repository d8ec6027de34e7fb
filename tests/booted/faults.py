# SPDX-License-Identifier: MIT
"""What the tests of faults share: how one is made, and what must hold whatever it was."""
import contextlib
import http.client
import json
import os
import signal
import subprocess

import machine
from kernel import list_entries_in_kernel
from machine import expect
from stream import FOE, FRIEND, HOST
from world import die_with_parent

LISTS = "/var/lib/ntc/data/lists.json"
FOLDER = "/var/lib/ntc/data"
TEMPORARY = LISTS + ".tmp"
# By this very path, by which strace knows it.
CONFIG = machine.CONFIG + f"persistence:\n  path: {LISTS}\n"


def in_file(m):
    return {entry["ip"] for entry in json.loads(m.read(LISTS))["blacklist"]}


def agree(m):
    """Memory, kernel and file have the same blacklist. Returns it."""
    entries = set(m.ntc.entries("blacklist"))
    assert in_file(m) == entries, in_file(m) ^ entries
    assert list_entries_in_kernel(m.ntc_pid()) == len(entries)
    return entries


def judged(m):
    """The blacklisted host gets nowhere, another one does."""
    return not m.udp(m.peer, FOE, m.host, HOST) and m.udp(m.peer, FRIEND, m.host, HOST)


def told(m, text, unit="ntc.service"):
    """Messages of the unit, or about it, that contain `text`."""
    return [entry["MESSAGE"] for entry in m.journal(f"_SYSTEMD_UNIT={unit}", "+", f"UNIT={unit}")
            if text in str(entry["MESSAGE"])]


def attempt(m, ip):
    """Whether an edit was answered with success; whoever is killed does not answer."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        m.ntc.add("blacklist", ip)
        return True
    return False


@contextlib.contextmanager
def hung(m, unit):
    pid = m.outer_pid(m.show(unit, "MainPID"))
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


class Strace:
    """Looks at the running ntc's calls that concern the state file; `inject`: see strace(1)."""

    def __init__(self, m, *options):
        self.path = m.folder / "strace.log"
        paths = [word for path in (TEMPORARY, LISTS, FOLDER) for word in ("-P", path)]
        self.process = subprocess.Popen(["strace", "-f", "-p", str(m.ntc_pid()), *paths, "-o", str(self.path), *options],
                                        stderr=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        line = self.process.stderr.readline()
        while "attached" not in line:
            assert line, "strace ended"
            line = self.process.stderr.readline()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()  # asked to end, it may wait for ever for a thread of those that it killed
        self.process.communicate()

    def calls(self):
        """Their names, in order."""
        lines = [line.split(None, 1)[1] for line in self.path.read_text().splitlines()]
        return [line.split("(")[0] for line in lines if "(" in line and not line.startswith(("<...", "+++", "---"))]
