# SPDX-License-Identifier: MIT
"""The state file: the old list or the new one, never neither; and a disk that refuses."""
import contextlib
import http.client
import json
import os
import random
import subprocess
import threading
import time

from world import World, run

HOST, FOE = "10.77.0.1", "10.77.0.3"


def blocked(world, address=FOE):
    return not world.udp(world.peer, address, world.host, HOST)


def test_killed_while_writing():
    with World() as world:
        ntc = world.start()
        known = set()
        attempted = set()
        for turn in range(6):
            acknowledged = set()

            def write(first):
                for n in range(first, 250, 2):
                    ip = f"192.0.2.{n}" if turn % 2 else f"2001:db8:{turn + 1:x}::{n:x}"
                    attempted.add(ip)
                    with contextlib.suppress(OSError, http.client.HTTPException, AssertionError):
                        ntc.add("blacklist", ip)
                        acknowledged.add(ip)
                        continue
                    return

            # Sockets are made by visiting a namespace, which is a thread's own business.
            writers = [threading.Thread(target=write, args=(first,)) for first in (1, 2)]
            for writer in writers:
                writer.start()
            time.sleep(random.uniform(0.02, 0.3))
            ntc.kill()
            for writer in writers:
                writer.join()
            ntc = world.start()
            found = set(ntc.entries("blacklist"))
            known |= acknowledged
            assert known <= found, f"acknowledged, and lost: {known - found}"
            assert found <= known | attempted, f"never asked for: {found - known - attempted}"
            known = found
            leftover = [name for name in os.listdir(world.folder)
                        if name.startswith("lists.json") and name != "lists.json"]
            assert leftover == [], leftover


def damaged(content):
    with World() as world:
        ntc = world.start()
        ntc.add("blacklist", FOE)
        ntc.stop()
        content = content(world.state.read_bytes())
        world.state.write_bytes(content)
        ntc = world.start()
        assert ntc.entries("blacklist") == {}
        asides = [path for path in world.folder.iterdir()
                  if path.name.startswith("lists.json") and path != world.state]
        assert [path.read_bytes() for path in asides] == [content], "set aside, not lost"
        ntc.add("blacklist", FOE)
        assert blocked(world)
        ntc.stop()
        ntc = world.start()
        assert set(ntc.entries("blacklist")) == {FOE}


def test_truncated_file_is_set_aside():
    damaged(lambda content: content[:len(content) // 2])


def test_empty_file_is_set_aside():
    damaged(lambda content: b"")


def test_foreign_file_is_set_aside():
    damaged(lambda content: b'{"hello": ["world"]}\n')


def test_binary_file_is_set_aside():
    damaged(lambda content: bytes(range(256)) * 16)


def refuses(world, ntc, path):
    """Whatever is asked for is answered with a failure, and nothing changed anywhere."""
    before = path.read_bytes()
    for method, target, body in (("POST", "/blacklist", {"ip": FOE}),
                                 ("POST", "/whitelist", {"ip": "10.77.0.5"}),
                                 ("DELETE", "/blacklist?ip=10.77.0.4", None)):
        answer = ntc.request(method, target, body)
        assert answer.status in (500, 507) and answer.json["ok"] is False, (answer.status, answer.text)
        assert answer.json["error"] and answer.json["message"], answer.text
    assert set(ntc.entries("blacklist")) == {"10.77.0.4"}
    assert ntc.entries("whitelist") == {}
    assert path.read_bytes() == before
    assert [name for name in os.listdir(path.parent) if name not in ("lists.json", "filler")] == []
    assert not blocked(world) and blocked(world, "10.77.0.4")


def accepts_again(world, ntc, path):
    ntc.add("blacklist", FOE)
    ntc.remove("blacklist", "10.77.0.4")
    assert blocked(world) and not blocked(world, "10.77.0.4")
    assert FOE in path.read_text() and "10.77.0.4" not in path.read_text()


def test_full_disk():
    with World() as world:
        disk = world.mount_tmpfs("disk", "size=64k")
        path = disk / "lists.json"
        ntc = world.start(path=path)
        ntc.add("blacklist", "10.77.0.4")
        with open(disk / "filler", "wb", buffering=0) as filler, contextlib.suppress(OSError):
            while True:
                filler.write(b"f" * 512)
        refuses(world, ntc, path)
        os.unlink(disk / "filler")
        accepts_again(world, ntc, path)


def test_read_only_disk():
    with World() as world:
        disk = world.mount_tmpfs("disk", "size=64k")
        path = disk / "lists.json"
        ntc = world.start(path=path)
        ntc.add("blacklist", "10.77.0.4")
        run("mount", "-o", "remount,ro", str(disk))
        refuses(world, ntc, path)
        run("mount", "-o", "remount,rw", str(disk))
        accepts_again(world, ntc, path)


def test_full_list_refuses_one_too_many():
    with World() as world:
        ntc = world.start(extra="lists:\n  capacity: 1024\n")
        for n in range(1024):
            ntc.add("blacklist", f"198.18.{n // 256}.{n % 256}")
        answer = ntc.request("POST", "/blacklist", {"ip": FOE})
        assert answer.status in (409, 422, 507) and answer.json["ok"] is False, (answer.status, answer.text)
        assert not blocked(world)
        assert len(ntc.entries("blacklist")) == 1024
        assert len(json.loads(world.state.read_text())["blacklist"]) == 1024
        ntc.remove("blacklist", "198.18.0.0")
        ntc.add("blacklist", FOE)
        assert blocked(world)
