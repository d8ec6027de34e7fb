# SPDX-License-Identifier: MIT
"""The state file: the old list or the new one, never neither; and a disk that refuses."""
import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import threading
import time

from clock import TEN_YEARS, WallClock
from marks import once
from process import run
from waiting import expect
from world import World

HOST, FOE, OTHER = "10.77.0.1", "10.77.0.3", "10.77.0.4"
NOBODY = 65534


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
        assert [path.read_bytes() for path in world.folder.glob("lists.json.damaged-*")] == [content]
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


def test_a_link_to_the_file_stays_one():
    with World() as world:
        real = world.folder / "elsewhere"
        real.mkdir()
        (real / "lists.json").write_text('{"blacklist":["203.0.113.7"],"whitelist":[]}')
        world.state.symlink_to(real / "lists.json")
        ntc = world.start()
        ntc.add("blacklist", "203.0.113.8")
        ntc.signal(signal.SIGHUP)
        expect(lambda: "Configuration reloaded" in ntc.log_path.read_text(), True)
        ntc.remove("blacklist", "203.0.113.7")
        ntc.stop()
        assert world.state.is_symlink()
        text = (real / "lists.json").read_text()
        assert "203.0.113.8" in text and "203.0.113.7" not in text
        assert set(world.start().entries("blacklist")) == {"203.0.113.8"}


def test_a_link_to_what_is_not_there_yet_stays_one():
    """And where not even its folder is there, on a disk that isn't mounted, say, ntc doesn't begin with empty lists."""
    with World() as world:
        real = world.folder / "elsewhere"
        world.state.symlink_to("elsewhere/../elsewhere/lists.json")
        refused = world.launch(world.config())
        assert refused.wait() != 0 and "whose folder can't be reached: No such file" in refused.log_path.read_text()
        real.mkdir()
        ntc = world.start()
        ntc.add("blacklist", "203.0.113.8")
        ntc.signal(signal.SIGHUP)
        expect(lambda: "Configuration reloaded" in ntc.log_path.read_text(), True)
        ntc.stop()
        assert world.state.is_symlink() and "203.0.113.8" in (real / "lists.json").read_text()


def test_lists_written_by_hand_are_taken_over():
    with World() as world:
        content = json.dumps({"blacklist": [FOE, "2001:db8::/32"]})
        world.state.write_text(content)
        ntc = world.start()
        assert set(ntc.entries("blacklist")) == {FOE, "2001:db8::/32"} and ntc.entries("whitelist") == {}
        assert blocked(world)
        expect(lambda: json.loads(world.state.read_text()).get("version"), 1)
        assert [path.read_text() for path in world.folder.glob("lists.json.older-*")] == [content]
        assert "older format" in ntc.log_path.read_text()


@once
def test_a_file_of_root_is_kept_once_though_it_cant_be_linked():
    """Whoever may not link files of others (protected_hardlinks) copies it; nobody leaves the place empty."""
    content = json.dumps({"blacklist": [FOE]})
    with World(cables=0) as world:
        os.chown(world.folder, NOBODY, NOBODY)
        world.state.write_text(content)
        obstacle = world.folder / "lists.json.tmp"
        obstacle.mkdir()  # no save succeeds
        shutil.copy(os.environ["NTC_BINARY"], world.folder / "ntc")  # the build's folder may be nobody's business
        program = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", str(world.folder / "ntc")]
        for _ in range(3):
            ntc = world.launch(world.config(["mock0"]), ["--mock"], program=program).wait_ready()
            assert set(ntc.entries("blacklist")) == {FOE}
            ntc.kill()
        assert [path.read_text() for path in world.folder.glob("lists.json.older-*")] == [content]
        obstacle.rmdir()
        ntc = world.launch(None, ["--mock"], program=program).wait_ready()
        expect(lambda: json.loads(world.state.read_text()).get("version"), 1)


OTHER_BOOT = "0" * 31 + "1"


def reboot(world):
    """The state file is one of another boot now."""
    document = json.loads(world.state.read_text())
    document["boot_id"] = OTHER_BOOT
    world.state.write_text(json.dumps(document))


@once
def test_time_limits_over_reboots():
    """After a reboot the wall clock counts; one that stands in the past prolongs nothing."""
    with World() as world:
        clock = WallClock(world)
        start = lambda: world.launch(world.config(), program=clock.program).wait_ready()
        saved = lambda: json.loads(world.state.read_text())
        ntc = start()
        ntc.add("blacklist", FOE, ttl=3600)
        ntc.add("blacklist", OTHER, ttl=600)
        ntc.stop()
        reboot(world)
        clock.set(1800)
        ntc = start()
        assert set(ntc.entries("blacklist")) == {FOE}
        assert blocked(world) and not blocked(world, OTHER)
        # What is left is saved at once, for the next boot.
        expect(lambda: saved()["boot_id"] != OTHER_BOOT, True)
        left = saved()["blacklist"][0]["remaining_sec"]
        assert 1700 < left <= 1800, left
        ntc.stop()
        reboot(world)
        clock.set(-TEN_YEARS)
        ntc = start()
        expect(lambda: saved()["boot_id"] != OTHER_BOOT, True)
        assert 1600 < saved()["blacklist"][0]["remaining_sec"] <= left
        assert blocked(world)


@once
def test_full_lists_at_the_start():
    """65,536 entries in each: loaded, in the kernel, and served, in a moment."""
    entries = [f"198.{18 + (n >> 16)}.{n >> 8 & 255}.{n & 255}" for n in range(65535)]
    with World() as world:
        def start():
            """And the processor's time it takes: what others do meanwhile is no fault of ours."""
            ntc = world.start()
            return ntc, ntc.metrics().sum("process_cpu_seconds_total")

        ntc, empty = start()
        ntc.stop()
        world.state.write_text(json.dumps({"blacklist": [FOE, *entries], "whitelist": [OTHER, *entries]}))
        start()[0].stop()  # in the present format from now on
        ntc, full = start()
        print(f"{1000 * empty:.0f} ms with empty lists, {1000 * full:.0f} ms with full ones")
        metrics = ntc.metrics()
        assert [metrics.sum("ntc_list_entries", list=name) for name in ("blacklist", "whitelist")] == [65536, 65536]
        assert blocked(world) and not blocked(world, OTHER)
        assert ntc.request("POST", "/blacklist", {"ip": OTHER}).status == 409, "not one more"
        assert full - empty < 4, "a third of a second a list, where others leave the processor its caches"


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


@contextlib.contextmanager
def small_disk():
    """(world, ntc, disk, its state file there), with an entry."""
    with World() as world:
        disk = world.mount_tmpfs("disk", "size=64k")
        path = disk / "lists.json"
        ntc = world.start(path=path)
        ntc.add("blacklist", "10.77.0.4")
        yield world, ntc, disk, path


def test_full_disk():
    with small_disk() as (world, ntc, disk, path):
        with open(disk / "filler", "wb", buffering=0) as filler, contextlib.suppress(OSError):
            while True:
                filler.write(b"f" * 512)
        refuses(world, ntc, path)
        os.unlink(disk / "filler")
        accepts_again(world, ntc, path)


def test_read_only_disk():
    with small_disk() as (world, ntc, disk, path):
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
