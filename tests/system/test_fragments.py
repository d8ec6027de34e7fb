# SPDX-License-Identifier: MIT
"""The SSH rule and fragments: what a first fragment does not carry can't be judged, so the lists decide. Nothing that
stands behind the datagram's end in a frame counts as carried, whoever put it there: Ethernet's padding, or a forger."""
import contextlib
import socket
import struct
import time

from frames import ipv4_packet, ipv6_packet, tcp_header, udp_datagram, Wire
from waiting import expect
from world import World

HOST, FOE = "10.77.0.1", "10.77.0.3"
HOST6, FOE6 = "fd77::1", "fd77::3"
SYN, ACK = 0x02, 0x10
TCP, UDP, FRAGMENT, OPTIONS = 6, 17, 44, 60
FRAME_MIN = 60 - 14  # bytes of a packet in Ethernet's smallest frame


@contextlib.contextmanager
def wire(*addresses):
    """(ntc, wire) with a server at each address and port."""
    with World() as world, contextlib.ExitStack() as stack:
        ntc = world.start()
        for address, port in addresses:
            stack.enter_context(world.listen(world.host, address, port))
        yield ntc, stack.enter_context(Wire(world.peer, world.host))


def drops(ntc):
    return ntc.packets(direction="INGRESS", action="DROP")


def send_cut_syn(cable, port, pad, forged):
    """A SYN from port 22 whose flags are in the second of two fragments."""
    segment = tcp_header(FOE, HOST, 22, port, flags=SYN)
    for offset, part, more in ((0, segment[:8] + forged, True), (8, segment[8:], False)):
        packet = ipv4_packet(FOE, HOST, TCP, part, ident=port, offset=offset, more=more)
        cable.send(packet + pad * (FRAME_MIN - len(packet)))


def cut_syn_reaches_nothing(pad=b"", forged=b""):
    def answered(port):
        return cable.receive(lambda packet: packet[9] == TCP and packet[20:22] == struct.pack("!H", port), 0.4)

    with wire((HOST, 9000), (HOST, 9001)) as (ntc, cable):
        send_cut_syn(cable, 9000, pad, forged)
        assert answered(9000), "the datagram is whole where nothing is blacklisted"
        ntc.add("blacklist", FOE)
        before = drops(ntc)
        send_cut_syn(cable, 9001, pad, forged)
        assert not answered(9001)
        expect(lambda: drops(ntc) >= before + 2, True)


def test_first_fragment_of_eight_bytes_from_port_22_reaches_nothing():
    cut_syn_reaches_nothing()


def test_padding_is_no_part_of_a_first_fragment():
    """Its zeroes look like the flags of a segment that is no SYN."""
    cut_syn_reaches_nothing(pad=b"\0")


def test_what_linux_cuts_off_is_no_part_of_a_first_fragment():
    """It keeps units of eight bytes, and takes the flags from the second one."""
    cut_syn_reaches_nothing(forged=struct.pack("!IBB", 0, 5 << 4, ACK))


# --- IPv6: extension headers may be cut off, too

def options(next_header):
    """Destination options: padding alone."""
    return struct.pack("!BBBBI", next_header, 0, 1, 4, 0)


def fragment(next_header, offset, more, ident):
    return struct.pack("!BBHI", next_header, 0, offset | more, ident)


def part(payload, behind=b""):
    return ipv6_packet(FOE6, HOST6, FRAGMENT, payload) + behind


SSH = tcp_header(FOE6, HOST6, 1, 22, flags=ACK) + b"\0" * 4


def test_headers_behind_the_payload_are_not_read():
    """The first fragment has options alone; the segment that it seems to have is behind its end."""
    def send(port):
        segment = tcp_header(FOE6, HOST6, 22, port, flags=SYN)
        cable.send(part(fragment(OPTIONS, 0, 1, port) + options(OPTIONS), options(TCP) + SSH))
        cable.send(part(fragment(OPTIONS, 8, 0, port) + options(TCP) + segment))

    def answered(port):
        return cable.receive(lambda packet: packet[6] == TCP and packet[40:42] == struct.pack("!H", port), 0.5,
                             kind=b"\x86\xdd")

    with wire((HOST6, 9000), (HOST6, 9001)) as (ntc, cable):
        send(9000)
        assert answered(9000), "the datagram is whole where nothing is blacklisted"
        ntc.add("blacklist", FOE6)
        send(9001)
        assert not answered(9001)


def udp_reaches(send_parts):
    """Whether the datagrams of send_parts(cable, datagram, ident) arrive: without a blacklist, and with."""
    with World() as world:
        ntc = world.start()
        with world.host.socket(socket.AF_INET6, socket.SOCK_DGRAM) as server, Wire(world.peer, world.host) as cable:
            server.bind((HOST6, 5353))
            server.settimeout(0.5)

            def arrives(text, ident):
                send_parts(cable, udp_datagram(FOE6, HOST6, 5, 5353, text), ident)
                with contextlib.suppress(TimeoutError):
                    return server.recv(99) == text
                return False

            before = arrives(b"before", 1000)
            ntc.add("blacklist", FOE6)
            return before, arrives(b"after", 2000)


def test_no_other_protocol_comes_in_behind_a_forged_header():
    def send(cable, datagram, ident):
        cable.send(part(fragment(OPTIONS, 0, 1, ident) + options(OPTIONS), options(TCP) + SSH))
        cable.send(part(fragment(OPTIONS, 8, 0, ident) + options(UDP) + datagram))

    assert udp_reaches(send) == (True, False)


def test_a_first_fragment_is_not_taken_for_a_later_one():
    """A fragment header behind the end says that it is part of another datagram, which was let through as SSH."""
    def send(cable, datagram, ident):
        other = ident + 1
        cable.send(part(fragment(TCP, 0, 1, other) + SSH))
        cable.send(part(fragment(OPTIONS, 0, 1, ident) + options(TCP) + SSH))
        cable.send(part(fragment(OPTIONS, 8, 1, ident) + b"\0" * 80))  # overlaps: the kernel forgets it
        time.sleep(0.1)
        cable.send(part(fragment(OPTIONS, 0, 1, ident) + options(OPTIONS), options(FRAGMENT) + fragment(TCP, 64, 0, other)))
        cable.send(part(fragment(OPTIONS, 8, 0, ident) + options(UDP) + datagram))

    assert udp_reaches(send) == (True, False)
