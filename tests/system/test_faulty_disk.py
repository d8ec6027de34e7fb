# SPDX-License-Identifier: MIT
"""Errors at each step of writing the state file, injected by strace: kernel, memory, file and answer
agree, now and after a restart."""
import json
import os
import re

from marks import once
from strace import Strace
from waiting import expect
from world import World

HOST, FOE, OTHER, THIRD = "10.77.0.1", "10.77.0.3", "10.77.0.4", "10.77.0.5"

# What is called, on what, and how it may fail.
STEPS = (
    ("unlink", "temporary", 1, ("EIO", "EROFS")),
    ("openat", "temporary", 1, ("ENOSPC", "EROFS", "EIO")),
    ("write", "temporary", 1, ("ENOSPC", "EIO")),
    ("write", "temporary", 2, ("ENOSPC", "EIO")),
    ("fsync", "temporary", 1, ("ENOSPC", "EIO")),
    ("/rename.*", "temporary", 1, ("ENOSPC", "EROFS", "EIO")),
    ("openat", "folder", 1, ("EIO",)),
    ("fsync", "folder", 1, ("ENOSPC", "EIO")),
)


def fault(world, ntc, call, path, nth, error):
    """One call of the daemon's fails."""
    return Strace(ntc.process.pid, world.folder / "strace.log", (path,),
                  "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={nth}")


def paths_of(path):
    return {"temporary": f"{path}.tmp", "folder": str(path.parent)}


def large_state(count):
    """More than one write()."""
    entries = [{"ip": f"2001:db8::{n:x}", "added": "2026-01-01T00:00:00.000Z", "by": "test", "origin": "manual",
                "comment": "x" * 100} for n in range(1, count)]
    return json.dumps({"format": "ntc-lists", "version": 1, "boot_id": "", "saved": "2026-01-01T00:00:00.000Z",
                       "saved_boottime_ns": "0", "whitelist": [], "blacklist": entries})


def addresses(ntc):
    return {entry["ip"] for entry in ntc.request("GET", "/blacklist?limit=10000&q=10.77").json["entries"]}


def in_file(path):
    return {entry["ip"] for entry in json.loads(path.read_text())["blacklist"] if entry["ip"].startswith("10.77")}


@once
def test_errors_at_each_step():
    with World() as world:
        folder = world.folder / "state"
        folder.mkdir()
        path = folder / "lists.json"
        path.write_text(large_state(2000))
        ntc = world.start(path=path)
        blocked = lambda address: not world.udp(world.peer, address, world.host, HOST, wait=0.1)
        ntc.add("blacklist", OTHER)
        tried = 0
        for call, what, nth, errors in STEPS:
            for error in errors:
                before = path.read_bytes()
                # Adding and removing in turn.
                method, target, body = (("POST", "/blacklist", {"ip": FOE}),
                                        ("DELETE", f"/blacklist?ip={OTHER}", None))[tried % 2]
                with fault(world, ntc, call, paths_of(path)[what], nth, error) as trace:
                    answer = ntc.request(method, target, body)
                case = f"{call} on the {what}, {error}"
                assert trace.injected(), f"never called: {case}"
                assert answer.status in (500, 507) and answer.json["error"] == "storage", (case, answer.text)
                assert path.read_bytes() == before, case
                assert addresses(ntc) == {OTHER}, case
                assert not blocked(FOE) and blocked(OTHER), case
                left = [name for name in os.listdir(folder) if name != "lists.json"]
                assert left == [] or call == "unlink", (case, left)
                tried += 1
        failures = ntc.metrics().sum("ntc_storage_failures_total")
        assert failures == tried, (failures, tried)
        ntc.add("blacklist", FOE)
        ntc.remove("blacklist", OTHER)
        assert blocked(FOE) and not blocked(OTHER)
        assert in_file(path) == {FOE}
        assert os.listdir(folder) == ["lists.json"]
        ntc.kill()
        ntc = world.start(path=path)
        assert addresses(ntc) == {FOE}
        assert len(re.findall(r"2001:db8::", path.read_text())) == 1999


@once
def test_a_file_system_that_exchanges_nothing():
    with World() as world:
        folder = world.folder / "state"
        folder.mkdir()
        path = folder / "lists.json"
        ntc = world.start(path=path)
        ntc.add("blacklist", OTHER)
        for fails in (False, True):
            # The first fsync is that of the file, the second one that of its folder.
            inject = ("-e", "inject=renameat2:error=EINVAL") + (("-e", "inject=fsync:error=EIO:when=2") if fails else ())
            with Strace(ntc.process.pid, world.folder / "strace.log", paths_of(path).values(),
                        "-e", "trace=renameat2,fsync", *inject) as trace:
                answer = ntc.request("POST", "/blacklist", {"ip": FOE if fails else THIRD})
            assert trace.injected() and (answer.status == 200) != fails, (fails, answer.text)
            assert in_file(path) == {OTHER, THIRD} and os.listdir(folder) == ["lists.json"], os.listdir(folder)
        ntc.kill()
        ntc = world.start(path=path)
        assert addresses(ntc) == {OTHER, THIRD}


@once
def test_first_write_fails():
    """There is no file yet, and there is none afterwards."""
    with World() as world:
        folder = world.folder / "state"
        folder.mkdir()
        path = folder / "lists.json"
        ntc = world.start(path=path)
        for call, what in (("fsync", "folder"), ("/rename.*", "temporary")):
            have = os.listdir(folder)
            with fault(world, ntc, call, paths_of(path)[what], 1, "EIO") as trace:
                assert ntc.request("POST", "/blacklist", {"ip": FOE}).status in (500, 507)
            assert trace.injected() and os.listdir(folder) == have == [], (call, have, os.listdir(folder))
        ntc.add("blacklist", FOE)
        expect(lambda: in_file(path), {FOE})
