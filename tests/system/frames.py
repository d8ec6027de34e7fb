# SPDX-License-Identifier: MIT
"""Packets by hand."""
import contextlib
import fcntl
import os
import select
import socket
import struct
import time

ETH_P_ALL = 0x0003
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo(source, target, protocol, length):
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    ends = socket.inet_pton(family, source) + socket.inet_pton(family, target)
    return ends + struct.pack("!II" if family == socket.AF_INET6 else "!HH",
                              *((length, protocol) if family == socket.AF_INET6 else (protocol, length)))


def tcp_header(source, target, source_port, target_port, flags):
    header = struct.pack("!HHIIBBHHH", source_port, target_port, 1000, 0, 5 << 4, flags, 65535, 0, 0)
    value = checksum(pseudo(source, target, 6, len(header)) + header)
    return header[:16] + struct.pack("!H", value) + header[18:]


def udp_datagram(source, target, source_port, target_port, payload):
    length = 8 + len(payload)
    header = struct.pack("!HHHH", source_port, target_port, length, 0)
    value = checksum(pseudo(source, target, 17, length) + header + payload) or 0xFFFF
    return header[:6] + struct.pack("!H", value) + payload


def echo_request(payload=b"ntc"):
    head = struct.pack("!BBHHH", 8, 0, 0, 1, 1)
    return head[:2] + struct.pack("!H", checksum(head + payload)) + head[4:] + payload


def ipv4_packet(source, target, protocol, payload, ident=0, offset=0, more=False):
    fragment = offset // 8 | (0x2000 if more else 0)
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ident, fragment, 64, protocol, 0,
                         socket.inet_aton(source), socket.inet_aton(target))
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def ipv6_packet(source, target, next_header, payload):
    return struct.pack("!IHBB16s16s", 6 << 28, len(payload), next_header, 64,
                       socket.inet_pton(socket.AF_INET6, source),
                       socket.inet_pton(socket.AF_INET6, target)) + payload


class Wire:
    """Raw Ethernet from `near` to `far` over their cable."""

    def __init__(self, near, far, interface="eth0"):
        self.near, self.far = near.mac(interface), far.mac(interface)
        self.socket = near.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        with near.inside():
            self.socket.bind((interface, ETH_P_ALL))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, packet, tags=()):
        """Frames an IP packet, behind the tags (TPID, TCI), outermost first. Returns its length."""
        kind = 0x86DD if packet[0] >> 4 == 6 else 0x0800
        frame = self.far + self.near + b"".join(struct.pack("!HH", *tag) for tag in tags) + \
            struct.pack("!H", kind) + packet
        self.socket.send(frame)
        return len(frame)

    def receive(self, wanted, within, kind=b"\x08\0"):
        """The next arriving packet, IPv4 by default, for which wanted() holds, or None."""
        until = time.monotonic() + within
        while (left := until - time.monotonic()) > 0:
            if not select.select([self.socket], [], [], left)[0]:
                break
            frame, address = self.socket.recvfrom(65535)
            if address[2] != socket.PACKET_OUTGOING and frame[12:14] == kind and wanted(frame[14:]):
                return frame[14:]
        return None


class Tun:
    """A tun device in a namespace; this is its other end."""

    def __init__(self, namespace, name, address):
        with namespace.inside():  # whoever opens it decides where the device will be
            self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
        namespace.ip("address", "add", address, "dev", name)
        namespace.ip("link", "set", name, "up")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)

    def send(self, packet):
        os.write(self.fd, packet)

    def receive(self, wanted, within):
        until = time.monotonic() + within
        while (left := until - time.monotonic()) > 0:
            if not select.select([self.fd], [], [], left)[0]:
                break
            with contextlib.suppress(BlockingIOError):
                packet = os.read(self.fd, 65535)
                if wanted(packet):
                    return packet
        return None
