# SPDX-License-Identifier: MIT
"""What the tests of faults share: how one is made, and what must hold whatever it was."""
import contextlib
import http.client
import json
import os
import signal

import machine
from kernel import list_entries_in_kernel
from strace import Strace
from stream import FOE, FRIEND, HOST

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


def traced(m, *options):
    """Looks at the running ntc's calls that concern the state file."""
    return Strace(m.ntc_pid(), m.folder / "strace.log", (TEMPORARY, LISTS, FOLDER), *options)
