# SPDX-License-Identifier: MIT
"""Port 22 is never cut off, and is no back door."""

from frames import tcp_header, ipv4_packet, Wire
from world import World, expect

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


def test_first_fragment_of_eight_bytes_from_port_22_reaches_nothing():
    """Its flags are in the second fragment: the rule can't be judged, so the lists decide."""
    with World() as world:
        ntc = world.start()
        with world.listen(world.host, HOST, 9000), Wire(world.peer, world.host) as wire:
            segment = tcp_header(FOE, HOST, 22, 9000, flags=0x02)

            def send(ident):
                for offset, part, more in ((0, segment[:8], True), (8, segment[8:], False)):
                    wire.send(ipv4_packet(FOE, HOST, 6, part, ident=ident, offset=offset, more=more))

            def answered():
                return wire.receive(lambda packet: packet[9] == 6 and packet[33] & 0x12 == 0x12, 0.4)

            send(1)
            assert answered(), "the datagram is whole where nothing is blacklisted"
            ntc.add("blacklist", FOE)
            before = ntc.packets(proto="TCP", action="DROP", direction="INGRESS")
            send(2)
            assert not answered()
            expect(lambda: ntc.packets(proto="TCP", action="DROP", direction="INGRESS") >= before + 2, True)


def test_other_ports_by_configuration():
    with World() as world:
        ntc = world.start(extra="lists:\n  ssh_ports: [2222, 2223]\n")
        ntc.add("blacklist", FOE)
        assert not world.tcp(world.peer, FOE, world.host, HOST, 22)
        assert world.tcp(world.peer, FOE, world.host, HOST, 2222)
        assert world.tcp(world.peer, FOE, world.host, HOST, 2223)
