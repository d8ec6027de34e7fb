# SPDX-License-Identifier: MIT
"""Port 22 is never cut off, and is no back door."""

from waiting import expect
from world import World

HOST, FOE = "10.77.0.1", "10.77.0.3"


def test_blacklisted_peer_reaches_port_22_only():
    with World() as world:
        ntc = world.start()
        ntc.add("blacklist", FOE)
        ntc.add("blacklist", "fd77::3")
        assert world.tcp(world.peer, FOE, world.host, HOST, 22)
        assert not world.tcp(world.peer, FOE, world.host, HOST, 2222)
        assert world.tcp(world.peer, "fd77:0::3", world.host, "fd77:0::1", 22)
        assert not world.tcp(world.peer, "fd77:0::3", world.host, "fd77:0::1", 2222)
        assert not world.udp(world.peer, FOE, world.host, HOST, port=22)
        expect(lambda: ntc.packets(proto="TCP", action="SSH") > 0, True)


def test_syn_from_port_22_reaches_nothing():
    with World() as world:
        ntc = world.start()
        assert world.tcp(world.peer, FOE, world.host, HOST, 9000, source_port=22)
        ntc.add("blacklist", FOE)
        assert not world.tcp(world.peer, FOE, world.host, HOST, 9001, source_port=22)
        expect(lambda: ntc.packets(proto="TCP", direction="INGRESS", action="DROP") >= 1, True)


def test_outgoing_connection_to_port_22_of_a_blacklisted_host():
    with World() as world:
        ntc = world.start()
        ntc.add("blacklist", FOE)
        assert world.tcp(world.host, HOST, world.peer, FOE, 22)
        assert not world.tcp(world.host, HOST, world.peer, FOE, 2222)


def test_other_ports_by_configuration():
    with World() as world:
        ntc = world.start(extra="lists:\n  ssh_ports: [2222, 2223]\n")
        ntc.add("blacklist", FOE)
        assert not world.tcp(world.peer, FOE, world.host, HOST, 22)
        assert world.tcp(world.peer, FOE, world.host, HOST, 2222)
        assert world.tcp(world.peer, FOE, world.host, HOST, 2223)
