# SPDX-License-Identifier: MIT
"""Links that are not plain Ethernet: tags, raw IP, what is no IP at all."""
import contextlib
import socket

from frames import Tun, Wire, echo_request, ipv4_packet, ipv6_packet, udp_datagram
from waiting import expect
from world import World

HOST, FRIEND, FOE = "10.77.0.1", "10.77.0.2", "10.77.0.3"
CTAG, STAG = (0x8100, 7), (0x88A8, 9)


def test_priority_tags_hide_nothing():
    """Linux takes off tags of VLAN 0, however many."""
    with World() as world, Wire(world.peer, world.host) as wire, world.host.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        ntc = world.start()
        sink.bind((HOST, 9000))
        sink.settimeout(0.2)

        def arrives(tags):
            wire.send(ipv4_packet(FOE, HOST, socket.IPPROTO_UDP, udp_datagram(FOE, HOST, 9000, 9000, b"ntc")),
                      [(0x8100, 0)] * tags)
            with contextlib.suppress(TimeoutError):
                return sink.recv(64) == b"ntc"
            return False

        assert arrives(0) and arrives(1) and arrives(3)
        ntc.add("blacklist", FOE)
        assert not any(arrives(tags) for tags in range(14))


def test_vlan_frames_are_counted_and_judged():
    with World() as world:
        ntc = world.start()
        ntc.add("blacklist", FOE)
        ntc.add("blacklist", "fd77::3")
        size = sent = 0
        with Wire(world.peer, world.host) as wire:
            for tags in ((CTAG,), (STAG,), (STAG, CTAG), (CTAG, CTAG), (STAG, CTAG, CTAG, CTAG)):
                for source, host in ((FRIEND, HOST), (FOE, HOST), ("fd77:0::2", "fd77:0::1"),
                                     ("fd77:0::3", "fd77:0::1")):
                    datagram = udp_datagram(source, host, 5000 + len(tags), 9000, b"tagged")
                    packet = ipv6_packet(source, host, 17, datagram) if ":" in source else \
                        ipv4_packet(source, host, 17, datagram)
                    size += wire.send(packet, tags)
                    sent += 1
        expect(lambda: ntc.packets(proto="UDP", direction="INGRESS"), sent)
        assert ntc.packets(proto="UDP", action="DROP") == sent // 2
        assert ntc.packets(proto="UDP", action="PASS") == sent // 2
        # Link header and tags included, wherever the kernel keeps them.
        assert ntc.metrics().sum("ntc_bytes_total", proto="UDP") == size
        keys = {(flow["src"], flow["sport"], flow["dport"]) for flow in ntc.flows()
                if flow["proto"] == "UDP"}
        assert (FRIEND, 5001, 9000) in keys and ("fd77::2", 5004, 9000) in keys, keys


def test_tun_is_raw_ip():
    with World() as world:
        with Tun(world.host, "tun0", "10.78.0.1/24") as tun:
            ntc = world.start(interfaces=["tun0"])

            def ping(source):
                tun.send(ipv4_packet(source, "10.78.0.1", 1, echo_request()))
                return tun.receive(lambda packet: packet[0] == 0x45 and packet[9] == 1 and packet[20] == 0
                                   and packet[16:20] == socket.inet_aton(source), 0.4) is not None

            def reached(target):
                with world.host.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
                    try:
                        out.sendto(b"x", (target, 9000))
                    except OSError:  # ENOBUFS where egress drops
                        pass
                return tun.receive(lambda packet: packet[0] == 0x45 and packet[9] == 17
                                   and packet[16:20] == socket.inet_aton(target), 0.4) is not None

            assert ping("10.78.0.3") and reached("10.78.0.3")
            ntc.add("blacklist", "10.78.0.3")
            assert not ping("10.78.0.3") and not reached("10.78.0.3")
            assert ping("10.78.0.4") and reached("10.78.0.4")
            expect(lambda: ntc.packets(proto="ICMP", direction="INGRESS", action="PASS"), 2)
            expect(lambda: ntc.packets(proto="ICMP", direction="INGRESS", action="DROP"), 1)
            expect(lambda: ntc.packets(proto="UDP", direction="EGRESS", action="DROP"), 1)
            assert ntc.metrics().sum("ntc_parse_errors_total") == 0
            ntc.stop()  # before its interface goes


def test_interface_that_goes_does_not_end_the_daemon():
    with World() as world:
        with Tun(world.host, "tun0", "10.78.0.1/24"):
            ntc = world.start(interfaces=["eth0", "tun0"])
            assert ntc.attached() == 4
        expect(lambda: "tun0" in world.host.ip("link", "show"), False)
        ntc.add("blacklist", FOE)
        assert not world.udp(world.peer, FOE, world.host, HOST)
        assert ntc.running()


def test_arp_is_counted_as_nonip():
    with World() as world:
        ntc = world.start()
        before = ntc.packets(proto="NONIP")
        with Wire(world.peer, world.host) as wire:
            for _ in range(7):
                wire.socket.send(wire.far + wire.near + b"\x88\xb5" + b"\0" * 50)
        expect(lambda: ntc.packets(proto="NONIP") >= before + 7, True)


def test_later_fragments_follow_the_first():
    with World() as world:
        ntc = world.start()
        ntc.add("blacklist", FOE)
        # A datagram of several fragments from a friend arrives whole, one from a foe not at all.
        with world.host.socket(socket.AF_INET, socket.SOCK_DGRAM) as to:
            to.bind((HOST, 9000))
            to.settimeout(0.5)
            for source, wanted in ((FRIEND, True), (FOE, False)):
                with world.peer.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
                    out.bind((source, 5555))
                    out.sendto(b"y" * 6000, (HOST, 9000))
                try:
                    assert len(to.recv(65535)) == 6000 and wanted
                except TimeoutError:
                    assert not wanted
        expect(lambda: ntc.packets(proto="UDP", direction="INGRESS", action="DROP"), 5)
        fragments = [flow for flow in ntc.flows() if flow["proto"] == "UDP" and flow["src"] == FRIEND]
        assert [(flow["sport"], flow["dport"], flow["packets"]) for flow in fragments] == [(5555, 9000, 5)], \
            fragments
