# SPDX-License-Identifier: MIT
"""Packets for differential.py, made by scapy: random stacks of tags, IPv4 options, IPv6 extension headers,
fragments and transports; from each also one that is cut somewhere, and one with bytes changed in its headers."""

import random
import struct

from scapy.all import (AH, Dot1AD, Dot1Q, Ether, ICMP, IP, IPOption, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                       IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, PadN, Raw, SCTP, TCP, UDP, conf)

conf.verb = 0

V4 = ["10.66.0.1", "10.66.1.7", "10.66.200.3", "192.0.2.1", "198.51.100.9", "203.0.113.77", "255.255.255.255"]
V6 = ["2001:db8:66::1", "2001:db8:66:1::2", "2001:db8:66:ffff::3", "2001:db8::1", "fe80::1", "ff02::1", "::1"]
PORTS = [22, 22, 53, 80, 443, 2222, 0, 65535]
FLAGS = ["S", "A", "SA", "F", "R", "PA", "", "FSRPAUEC", "SU"]
SIZE_MAX = 3000  # of what BPF_PROG_TEST_RUN takes


def ether():
    return Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01")


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.fragment = 0

    def chance(self, one_in):
        return self.random.randrange(one_in) == 0

    def port(self):
        return self.random.choice(PORTS) if self.chance(2) else self.random.randrange(65536)

    def link(self):
        r = self.random
        depth = r.choice([0, 0, 0, 0, 1, 1, 2, 3, 4, 8, 9]) if r.randrange(2) else 1
        stack = ether()
        for _ in range(depth):
            if self.chance(2):
                stack = stack / Dot1AD(vlan=r.randrange(4096))
            else:
                stack = stack / Dot1Q(vlan=r.randrange(4096))
        return stack

    def transport(self):
        r = self.random
        payload = Raw(r.randbytes(r.choice([0, 0, 1, 7, 100, 600])))
        kind = r.randrange(10)
        if kind < 5:
            options = [("MSS", 1460), ("Timestamp", (1, 2))] if self.chance(3) else []
            return TCP(sport=self.port(), dport=self.port(), flags=r.choice(FLAGS), options=options, chksum=1) / payload
        if kind < 7:
            return UDP(sport=self.port(), dport=self.port(), chksum=1) / payload
        if kind == 7:
            return SCTP(sport=self.port(), dport=self.port(), chksum=1) / payload
        return Raw(r.randbytes(r.choice([0, 4, 40])))

    def protocol_of_raw(self):
        return self.random.choice([1, 58, 2, 50, 59, 89, 112, 115, 253, 255, 33, 136, self.random.randrange(256)])

    def fragment_id(self):
        self.fragment = self.fragment % 65535 + 1
        return self.fragment

    def ipv4(self, inner):
        r = self.random
        ip = IP(src=r.choice(V4), dst=r.choice(V4), chksum=1, id=self.fragment_id())
        if self.chance(4):
            ip.options = [IPOption(b"\x01" * (4 * r.randrange(1, 11)))]
        if self.chance(6):
            ip.flags = "MF" if self.chance(2) else 0
            ip.frag = r.choice([0, 0, 1, 9, 8191])
        if isinstance(inner, Raw):
            ip.proto = self.protocol_of_raw()
        return ip / inner

    def extension(self):
        r = self.random
        kind = r.randrange(9)
        padding = [PadN(optdata=b"\0" * r.choice([0, 4, 12, 60]))]
        if kind < 2:
            return IPv6ExtHdrHopByHop(options=padding)
        if kind < 5:
            return IPv6ExtHdrDestOpt(options=padding)
        if kind == 5:
            mobile = self.chance(2)
            return IPv6ExtHdrRouting(addresses=[r.choice(V6)] * (1 if mobile else r.randrange(3)), type=2 if mobile else 0)
        if kind == 6:
            icv = b"\0" * r.choice([12, 20])
            return AH(spi=7, seq=1, icv=icv, payloadlen=(12 + len(icv)) // 4 - 2)
        return IPv6ExtHdrFragment(offset=r.choice([0, 0, 0, 1, 100]), m=r.randrange(2), id=self.fragment_id())

    def ipv6(self, inner):
        r = self.random
        stack = IPv6(src=r.choice(V6), dst=r.choice(V6))
        raw = isinstance(inner, Raw)
        number = self.protocol_of_raw() if raw else None
        depth = r.choice([0, 0, 1, 1, 2, 3, 5, 9, 10, 12])
        for i in range(depth):
            stack = stack / self.extension()
        if raw:
            stack.lastlayer().nh = number
        return stack / inner

    def other(self):
        return Raw(self.random.randbytes(60))

    def base(self):
        kind = self.random.randrange(20)
        if kind == 0:
            packet = self.link()
            packet.lastlayer().type = self.random.choice([0x0806, 0x88cc, 0x1234, 0x0800, 0x86dd, 0x9100])
            return bytes(packet / self.other())
        inner = self.transport()
        return bytes(self.link() / (self.ipv4(inner) if kind < 10 else self.ipv6(inner)))

    def cut(self, data):
        return data[:self.random.randrange(14, max(15, min(len(data), 220)))]

    def changed(self, data):
        r = self.random
        data = bytearray(data)
        for _ in range(r.randrange(1, 4)):
            data[r.randrange(12, min(len(data), 120))] = r.choice([0, 1, 6, 17, 0x45, 0x60, 0xff, r.randrange(256)])
        return bytes(data)

    def train(self):
        """A datagram in three parts, of which the later ones must inherit from the first."""
        inner = bytes(TCP(sport=self.port(), dport=self.port(), flags=self.random.choice(FLAGS), chksum=1)) + bytes(44)
        number = self.fragment_id()
        four = self.chance(2)
        addresses = dict(src=self.random.choice(V4 if four else V6), dst=self.random.choice(V4 if four else V6))
        for offset in (0, 3, 6):
            part = Raw(inner[offset * 8:offset * 8 + 24])
            more = offset < 6
            if four:
                yield bytes(ether() / IP(**addresses, id=number, proto=6, flags="MF" if more else 0, frag=offset,
                                         chksum=1) / part)
            else:
                header = IPv6ExtHdrFragment(id=number, m=int(more), offset=offset, nh=6)
                yield bytes(ether() / IPv6(**addresses) / header / part)

    def packets(self, n):
        made = 0
        while made < n:
            if self.chance(25):
                group = list(self.train())
            else:
                whole = self.base()[:SIZE_MAX]
                group = [whole, *(self.cut(whole) for _ in range(2)), *(self.changed(whole) for _ in range(3))]
            yield from group
            made += len(group)


def write_pcap(path, packets):
    n = 0
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for data in packets:
            file.write(struct.pack("<IIII", n // 1000000, n % 1000000, len(data), len(data)) + data)
            n += 1
    return n
