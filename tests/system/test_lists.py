# SPDX-License-Identifier: MIT
"""What the lists do to real packets."""
import time

from waiting import expect
from world import World

HOST = {4: "10.77.0.1", 6: "fd77:0::1"}
PEERS = {4: ["10.77.0.2", "10.77.0.3", "10.77.0.4"], 6: ["fd77:0::2", "fd77:0::3", "fd77:0::4"]}


def reach(world, peer, version):
    """(peer -> host, host -> peer)"""
    return (world.udp(world.peer, peer, world.host, HOST[version]),
            world.udp(world.host, HOST[version], world.peer, peer))


def blacklist_blocks(version):
    with World() as world:
        ntc = world.start()
        friend, foe = PEERS[version][:2]
        assert reach(world, foe, version) == (True, True)
        assert ntc.add("blacklist", foe)["changed"]
        assert reach(world, foe, version) == (False, False)
        assert reach(world, friend, version) == (True, True)
        # The host's own datagram and the peer's: one drop each.
        expect(lambda: ntc.packets(proto="UDP", direction="INGRESS", action="DROP"), 1)
        expect(lambda: ntc.packets(proto="UDP", direction="EGRESS", action="DROP"), 1)
        [entry] = ntc.entries("blacklist").values()
        assert entry["packets"] >= 2, entry
        ntc.remove("blacklist", foe)
        assert reach(world, foe, version) == (True, True)


def test_blacklist_blocks_ipv4():
    blacklist_blocks(4)


def test_blacklist_blocks_ipv6():
    blacklist_blocks(6)


def test_blacklist_blocks_echo_both_versions():
    with World() as world:
        ntc = world.start()

        for version in (4, 6):
            friend, foe = PEERS[version][:2]
            ntc.add("blacklist", foe)
            assert world.ping(world.peer, friend, HOST[version]), friend
            assert not world.ping(world.peer, foe, HOST[version]), foe
            assert not world.ping(world.host, HOST[version], foe), foe


def test_whitelist_beats_blacklist():
    with World() as world:
        ntc = world.start()
        for version, wide in ((4, "10.77.0.2/31"), (6, "fd77::2/127")):
            first, second, third = PEERS[version]
            ntc.add("blacklist", wide)
            ntc.add("whitelist", second)
            assert reach(world, first, version) == (False, False)
            assert reach(world, second, version) == (True, True)
            # Whatever the lengths: a wide exception beats a narrow ban.
            ntc.add("blacklist", third)
            assert reach(world, third, version) == (False, False)
            ntc.add("whitelist", "10.77.0.0/16" if version == 4 else "fd77::/16")
            assert reach(world, third, version) == (True, True)
        expect(lambda: ntc.packets(proto="UDP", action="SKIP") >= 8, True)


def test_prefix():
    with World() as world:
        ntc = world.start()
        for version, prefix in ((4, "10.77.0.4/30"), (6, "fd77::4/126")):
            outside, _, inside = PEERS[version]
            ntc.add("blacklist", prefix)
            assert reach(world, inside, version) == (False, False)
            assert reach(world, outside, version) == (True, True)
            ntc.remove("blacklist", prefix)
            assert reach(world, inside, version) == (True, True)


def test_longer_prefix_goes_and_the_shorter_still_holds():
    with World() as world:
        ntc = world.start()
        ntc.add("blacklist", "10.77.0.4/30")
        ntc.add("blacklist", "10.77.0.4")
        ntc.remove("blacklist", "10.77.0.4")
        assert reach(world, "10.77.0.4", 4) == (False, False)


def established(version):
    with World() as world:
        ntc = world.start()
        foe = PEERS[version][1]
        with world.listen(world.host, HOST[version], 9000) as listener, \
                world.connect(world.peer, foe, HOST[version], 9000) as near:
            far, _ = listener.accept()
            with far:
                def answered(within):
                    near.sendall(b"x")
                    far.settimeout(within)
                    try:
                        return len(far.recv(100)) > 0
                    except TimeoutError:
                        return False

                assert answered(1)
                ntc.add("blacklist", foe)
                assert not answered(0.5)
                ntc.remove("blacklist", foe)
                # The retransmission comes with a doubled delay.
                assert answered(5)
                far.sendall(b"back")
                near.settimeout(5)
                assert near.recv(100) == b"back"


def test_established_connection_dies_at_once_and_lives_again_ipv4():
    established(4)


def test_established_connection_dies_at_once_and_lives_again_ipv6():
    established(6)


def test_two_interfaces():
    with World(cables=2) as world:
        ntc = world.start()
        ntc.add("blacklist", "10.77.1.3")
        for cable, wanted in ((0, True), (1, False)):
            assert world.udp(world.peer, f"10.77.{cable}.3", world.host, f"10.77.{cable}.1") is wanted
            assert world.udp(world.host, f"10.77.{cable}.1", world.peer, f"10.77.{cable}.3") is wanted
        for interface in ("eth0", "eth1"):
            for direction in ("INGRESS", "EGRESS"):
                assert ntc.attached(interface=interface, direction=direction) == 1
        names = {flow["interface"] for flow in ntc.flows()}
        assert names == {"eth0", "eth1"}, names


def test_interfaces_by_glob_and_by_default_route():
    with World(cables=2) as world:
        ntc = world.start(interfaces=["eth*"])
        assert ntc.attached() == 4
        ntc.stop()
        world.host.ip("route", "add", "default", "via", "10.77.1.2")
        ntc = world.start(interfaces=["auto"])
        assert ntc.attached(interface="eth1") == 2
        assert ntc.attached() == 2


def test_protected_addresses_need_force():
    with World() as world:
        world.host.ip("route", "add", "default", "via", "10.77.0.2")
        ntc = world.start()
        for address in ("10.77.0.1", "10.77.0.0/24", "127.0.0.1", "224.0.0.0/3", "10.77.0.2", "::1",
                        "fd77::1", "0.0.0.0/0", "::/0"):
            answer = ntc.request("POST", "/blacklist", {"ip": address})
            assert answer.status in (403, 409, 422), (address, answer.status, answer.text)
            assert answer.json["ok"] is False and answer.json["message"], answer.text
        assert ntc.entries("blacklist") == {}
        ntc.add("blacklist", "10.77.0.2", force=True)
        assert not world.udp(world.peer, "10.77.0.2", world.host, "10.77.0.1")


def test_peer_of_an_ssh_connection_is_protected():
    with World() as world:
        ntc = world.start()
        with world.listen(world.host, "10.77.0.1", 22) as listener, \
                world.connect(world.peer, "10.77.0.3", "10.77.0.1", 22):
            accepted, _ = listener.accept()
            with accepted:
                time.sleep(2.5)  # ntc asks the kernel for them at most every two seconds
                answer = ntc.request("POST", "/blacklist", {"ip": "10.77.0.3"})
                assert answer.status in (403, 409, 422), (answer.status, answer.text)


def test_time_limit_ends():
    with World() as world:
        ntc = world.start()
        ntc.add("blacklist", "10.77.0.3", ttl=1)
        assert not world.udp(world.peer, "10.77.0.3", world.host, "10.77.0.1")
        expect(lambda: ntc.entries("blacklist"), {}, 5)
        assert world.udp(world.peer, "10.77.0.3", world.host, "10.77.0.1")


def test_lists_outlive_the_process():
    with World() as world:
        ntc = world.start()
        ntc.add("blacklist", "10.77.0.3", comment="a comment, \"quoted\" \u00e9")
        ntc.add("whitelist", "fd77::4")
        before = ntc.entries("blacklist")["10.77.0.3"]
        ntc.stop()
        assert world.udp(world.peer, "10.77.0.3", world.host, "10.77.0.1")
        ntc = world.start()
        after = ntc.entries("blacklist")["10.77.0.3"]
        for key in ("added", "by", "comment", "expires", "origin"):
            assert before[key] == after[key], (key, before, after)
        assert set(ntc.entries("whitelist")) == {"fd77::4"}
        assert not world.udp(world.peer, "10.77.0.3", world.host, "10.77.0.1")


def test_curl_as_the_readme_says():
    with World() as world:
        ntc = world.start()
        url = f"http://localhost:{ntc.port}/blacklist"
        out = world.host.run("curl", "-sS", "-X", "POST", "-H", "Content-Type: application/json",
                             "-d", '{"ip":"10.77.0.3"}', url)
        assert '"ok":true' in out.replace(" ", ""), out
        assert not world.udp(world.peer, "10.77.0.3", world.host, "10.77.0.1")
        out = world.host.run("curl", "-sS", "-X", "DELETE", url + "?ip=10.77.0.3")
        assert '"ok":true' in out.replace(" ", ""), out
        assert world.udp(world.peer, "10.77.0.3", world.host, "10.77.0.1")
