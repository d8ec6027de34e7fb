# SPDX-License-Identifier: MIT
"""Feeds: files that others maintain, in force in the kernel."""
import ipaddress
import json
import os
import socket
import time

from kernel import list_entries_in_kernel
from marks import alone, once
from waiting import expect
from world import World

HOST, FRIEND, FOE = "10.77.0.1", "10.77.0.2", "10.77.0.3"


def folders(world):
    for name in ("blacklist.d", "whitelist.d"):
        (world.folder / name).mkdir()
    return (f"feeds:\n  blacklist_folder: {world.folder}/blacklist.d\n"
            f"  whitelist_folder: {world.folder}/whitelist.d\n")


def publish(world, name, lines):
    """As a careful download does: a file beside it, then a rename."""
    path = world.folder / name
    fresh = path.with_suffix(".new")
    fresh.write_text("\n".join(lines) + "\n")
    os.rename(fresh, path)


def numbered(begin, count):
    first = int(ipaddress.ip_address("20.0.0.0")) + begin
    return [str(ipaddress.ip_address(first + n)) for n in range(count)]


def count(ntc, which="blacklist"):
    return ntc.request("GET", f"/{which}?limit=1").json["count"]


def test_a_connection_to_the_ssh_port_takes_nobody_off():
    with World() as world:
        extra = folders(world)
        publish(world, "blacklist.d/drop.list", [FOE, "198.51.100.0/24"])
        ntc = world.start(extra=extra)
        with world.listen(world.host, HOST, 22), world.connect(world.peer, FOE, HOST, 22):
            time.sleep(2.1)  # the picture of SSH sessions is looked at anew by then
            answer = ntc.request("POST", "/blacklist", {"ip": FOE})
            assert answer.json["error"] == "protected", "by hand he is warned of"
            time.sleep(0.3)
            assert set(ntc.entries("blacklist")) == {FOE, "198.51.100.0/24"}
            assert not world.udp(world.peer, FOE, world.host, HOST)


def test_files_of_the_folders_are_in_force():
    with World() as world:
        extra = folders(world)
        publish(world, "blacklist.d/drop.list",
                ["; a feed as Spamhaus publishes it", f"{FOE} ; SBL123", "10.77.0.0/24", "0.0.0.0/33", "198.51.100.0/24"])
        ntc = world.start(extra=extra)
        assert not world.udp(world.peer, FOE, world.host, HOST), "in force before the first packet"
        assert world.udp(world.peer, FRIEND, world.host, HOST)
        entry = ntc.entries("blacklist")[FOE]
        assert (entry["origin"], entry["comment"]) == ("drop.list", "SBL123"), entry
        feed = ntc.request("GET", "/status").json["feeds"][0]
        assert feed["entries"] == 3 and feed["problems"] == 2, feed
        told = " ".join(feed["told"])
        assert "drop.list:4:" in told and "drop.list:3: 10.77.0.0/24 was left out" in told, told
        expect(lambda: "drop.list:4:" in ntc.log_path.read_text(), True)

        answer = ntc.request("DELETE", f"/blacklist?ip={FOE}")
        assert answer.status == 409 and answer.json["error"] == "from-feed", answer.text
        publish(world, "whitelist.d/friends.list", [FOE])
        expect(lambda: world.udp(world.peer, FOE, world.host, HOST), True)
        publish(world, "whitelist.d/friends.list", ["# nobody"])
        expect(lambda: world.udp(world.peer, FOE, world.host, HOST), False)
        (world.folder / "blacklist.d/drop.list").unlink()
        expect(lambda: world.udp(world.peer, FOE, world.host, HOST), True)
        assert ntc.metrics().sum("ntc_list_entries", list="blacklist") == 0
        assert not world.state.exists(), "feeds are not the state file's business"


@alone
@once
def test_65536_entries_in_less_than_a_second():
    with World() as world:
        ntc = world.start(extra=folders(world) + "lists:\n  capacity: 70000\n")
        for turn in range(2):
            lines = numbered(turn * 32768, 65535) + [FOE]
            publish(world, "blacklist.d/big.list", lines)
            begin = time.monotonic()
            last = lines[-2]
            expect(lambda: last in ntc.request("GET", f"/blacklist?q={last}&limit=1").text.split("entries")[1]
                   and count(ntc) == 65536, True, 10)
            took = time.monotonic() - begin
            print(f"65,536 entries, turn {turn}: {took * 1000:.0f} ms")
            assert took < 1, took
            assert not world.udp(world.peer, FOE, world.host, HOST)
        assert list_entries_in_kernel(ntc.process.pid) == 65536


def test_what_stays_is_never_missing():
    """Two versions take turns, 1,000 times, while a host that is in both sends all the time."""
    with World() as world:
        versions = [[FOE, *numbered(0, 2000)], [*numbered(1000, 2000), FOE]]
        extra = folders(world)
        publish(world, "blacklist.d/a.list", versions[0])
        ntc = world.start(extra=extra)
        ntc.add("blacklist", "20.0.5.0")  # in both, and by hand
        with world.host.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
            receiver.bind((HOST, 9000))
            receiver.setblocking(False)

            def blast():
                with world.peer.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                    sender.bind((FOE, 9001))
                    while True:
                        sender.sendto(b"let me in", (HOST, 9000))
                        time.sleep(0.0005)

            world.fork(blast)
            for turn in range(1, 1001):
                publish(world, "blacklist.d/a.list", versions[turn % 2])
                if turn % 50 and turn < 990:  # most of them while the one before is on its way
                    time.sleep(0.01)
                    continue
                wanted = versions[turn % 2][1 if turn % 2 == 0 else -2]
                expect(lambda: f'"ip":"{wanted}"' in ntc.request("GET", f"/blacklist?q={wanted}").text, True)
            expect(lambda: ntc.packets(action="DROP", proto="UDP") > 500, True)
            try:
                data = receiver.recv(64)
            except BlockingIOError:
                data = None
            assert data is None, "a blacklisted packet came through"
        expect(lambda: count(ntc), 2001)
        entries = ntc.entries("blacklist")
        assert set(entries) == set(versions[0])
        assert list_entries_in_kernel(ntc.process.pid) == 2001
        saved = json.loads(world.state.read_text())["blacklist"]
        assert [entry["ip"] for entry in saved] == ["20.0.5.0"]
