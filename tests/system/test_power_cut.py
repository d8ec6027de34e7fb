# SPDX-License-Identifier: MIT
"""The power fails while lists are edited: what stands on the disk at that moment, without what the kernel still holds
back, is mounted elsewhere, and has every edit that was answered."""
import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import threading
import time

from marks import once
from process import run
from world import World

CUTS = 12


def mount_image(world, image, name):
    folder = world.folder / name
    folder.mkdir()
    run("mount", "-o", "loop", str(image), str(folder))
    world.mounts.append(folder)
    return folder


def make_image(world):
    image = world.folder / "disk.img"
    with open(image, "wb") as file:
        file.truncate(16 << 20)
    run("mkfs.ext4", "-q", "-m", "0", str(image))
    return image


@contextlib.contextmanager
def held(ntc):
    """Stopped between two system calls; one that writes to the disk ends first."""
    tasks = f"/proc/{ntc.process.pid}/task"
    os.kill(ntc.process.pid, signal.SIGSTOP)
    try:
        end = time.monotonic() + 10
        while any(open(f"{tasks}/{task}/stat").read().rsplit(")", 1)[1].split()[0] != "T" for task in os.listdir(tasks)):
            assert time.monotonic() < end, "a thread doesn't stop"
            time.sleep(0.001)
        yield
    finally:
        os.kill(ntc.process.pid, signal.SIGCONT)


def found_on(world, image, n):
    folder = mount_image(world, image, f"after-{n}")
    lists = json.loads((folder / "lists.json").read_text())
    return {entry["ip"] for entry in lists["blacklist"]}


@once
def test_power_cut_while_writing():
    with World() as world:
        image = make_image(world)
        disk = mount_image(world, image, "disk")
        ntc = world.start(path=disk / "lists.json")
        ntc.add("blacklist", "192.0.2.1")
        answered, attempted, over = {"192.0.2.1"}, {"192.0.2.1"}, threading.Event()

        def write():
            for n in range(2, 60000):
                if over.is_set():
                    return
                ip = f"2001:db8::{n:x}"
                attempted.add(ip)
                with contextlib.suppress(OSError, http.client.HTTPException):
                    ntc.add("blacklist", ip)
                    answered.add(ip)

        writer = threading.Thread(target=write)
        writer.start()
        grown = 0
        for n in range(CUTS):
            time.sleep(random.uniform(0.02, 0.2))
            with held(ntc):
                must = set(answered)
                copy = world.folder / f"cut-{n}.img"
                shutil.copyfile(image, copy)
            found = found_on(world, copy, n)
            assert must <= found, f"cut {n}: answered, and lost: {sorted(must - found)[:5]}"
            assert found <= set(attempted), f"cut {n}: never asked for"
            grown += len(found)
        over.set()
        writer.join()
        assert grown > 2 * CUTS, "nothing was written between the cuts"
