# SPDX-License-Identifier: MIT
"""What ntc should make of each packet of a pcap file, by tshark's dissection and the rules of the documentation.
tshark tells addresses, protocols, ports, flags and fragments; only the order of the extension headers is walked here."""

import ipaddress
import os
import subprocess
import tempfile

# Other dissectors would only add what stands in payloads and inner packets.
PROTOCOLS = {"frame", "pkt_comment", "eth", "ethertype", "vlan", "ieee8021ad", "ip", "ipv6", "ipv6.hopopts", "ipv6.routing",
             "ipv6.dstopts", "ipv6.fraghdr", "ah", "shim6", "mipv6", "hip", "tcp", "udp", "udplite", "sctp", "dccp", "data"}
FIELDS = ["frame.protocols", "ip.version", "ip.src", "ip.dst", "ip.proto", "ip.hdr_len", "ip.len", "ip.frag_offset", "ip.flags.mf",
          "ip.id", "ipv6.src", "ipv6.dst", "ipv6.nxt", "ipv6.plen", "ipv6.hopopts.nxt", "ipv6.routing.nxt", "ipv6.dstopts.nxt",
          "ipv6.fraghdr.nxt", "ah.next_header", "shim6.nxt", "mip6.proto", "hip.proto", "ipv6.fraghdr.offset",
          "ipv6.fraghdr.more", "ipv6.fraghdr.ident", "tcp.srcport", "tcp.dstport", "tcp.flags", "udp.srcport", "udp.dstport",
          "sctp.srcport", "sctp.dstport", "dccp.srcport", "dccp.dstport", "_ws.malformed", "_ws.short"]
NEXT = {0: "ipv6.hopopts.nxt", 43: "ipv6.routing.nxt", 60: "ipv6.dstopts.nxt", 44: "ipv6.fraghdr.nxt", 51: "ah.next_header",
        140: "shim6.nxt", 135: "mip6.proto", 139: "hip.proto"}
PORTS = {6: "tcp", 17: "udp", 132: "sctp", 136: "udp", 33: "dccp"}
TAGS = (0x8100, 0x88a8, 0x9100)
TAGS_MAX, HEADERS_MAX = 8, 10  # bpf/parse.h
TCP_SYN, TCP_ACK, SSH_PORT = 0x02, 0x10, 22

BLACK = [ipaddress.ip_network(n) for n in ("10.66.0.0/16", "2001:db8:66::/48")]
WHITE = [ipaddress.ip_network(n) for n in ("10.66.1.0/24", "2001:db8:66:1::/64")]


def tshark(pcap):
    """One dictionary a packet: field -> list of its values, outermost first."""
    with tempfile.TemporaryDirectory() as home:
        environment = dict(os.environ, HOME=home, WIRESHARK_CONFIG_DIR=home)
        known = subprocess.run(["tshark", "-G", "protocols"], env=environment, check=True, capture_output=True, text=True)
        names = {line.split("\t")[2] for line in known.stdout.splitlines() if line.count("\t") >= 2}
        with open(os.path.join(home, "disabled_protos"), "w") as file:
            file.writelines(name + "\n" for name in sorted(names - PROTOCOLS))
        command = ["tshark", "-n", "-r", pcap, "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a", "-E", "aggregator=;",
                   "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE", "-o", "tcp.analyze_sequence_numbers:FALSE",
                   "-o", "tcp.desegment_tcp_streams:FALSE"]
        for field in FIELDS:
            command += ["-e", field]
        output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    return [{f: [v for v in values.split(";") if v] for f, values in zip(FIELDS, line.split("\t"))}
            for line in output.splitlines()]


def first(fields, name, default=None):
    return fields[name][0] if fields[name] else default


def number(text):
    return int(text, 0) if text and not text.startswith("T") and not text.startswith("F") else int(text == "True")


def layers(data):
    """(number of tags, where the network header begins, its ethertype)"""
    tags, offset = 0, 12
    while int.from_bytes(data[offset:offset + 2], "big") in TAGS and offset + 6 <= len(data):
        tags, offset = tags + 1, offset + 4
    return tags, offset + 2, int.from_bytes(data[offset:offset + 2], "big")


def plain(text):
    """::ffff:a.b.c.d is a.b.c.d, also in the header of IPv6."""
    address = ipaddress.ip_address(text) if text else None
    return str(getattr(address, "ipv4_mapped", None) or address) if text else None


def outer_version(fields):
    for layer in first(fields, "frame.protocols", "").split(":"):
        if layer in ("ip", "ipv6"):
            return 4 if layer == "ip" else 6
    return 0


def chain(fields):
    """The IPv6 extension headers as tshark tells them, and what follows: ([44, 60], 6)."""
    left = {kind: list(fields[name]) for kind, name in NEXT.items()}
    kinds, kind = [], number(first(fields, "ipv6.nxt"))
    while kind in left and left[kind]:
        kinds.append(kind)
        kind = number(left[kind].pop(0))
        # What follows a part that isn't the first is payload, whatever it looks like.
        if kinds[-1] == 44 and number(fields["ipv6.fraghdr.offset"][kinds.count(44) - 1]) > 0:
            break
    return kinds, kind


def fragment_of(fields, version, kinds):
    """(is it a part, is it a later one, what names the datagram besides the addresses: number and protocol)"""
    if version == 4:
        offset = number(first(fields, "ip.frag_offset", "0"))
        more = number(first(fields, "ip.flags.mf", "0"))
        return bool(offset or more), offset > 0, (number(first(fields, "ip.id", "0")), first(fields, "ip.proto"))
    # Of two fragment headers in one packet the inner one names the datagram, unless it is out of sight.
    found = False, False, 0
    for i in range(kinds.count(44)):
        offset, more = number(fields["ipv6.fraghdr.offset"][i]), number(fields["ipv6.fraghdr.more"][i])
        if offset or more:
            found = True, offset > 0, (number(fields["ipv6.fraghdr.ident"][i]), fields["ipv6.fraghdr.nxt"][i])
    return found


def header_size(kind, header):
    return 8 if kind == 44 else (header[1] + 2) * 4 if kind == 51 else (header[1] + 1) * 8


def first_part(data):
    """What names the datagram, if this is its first part to one who goes by the lengths alone; else None."""
    offset = layers(data)[1]
    if data[offset] >> 4 == 4:
        bits = int.from_bytes(data[offset + 6:offset + 8], "big")
        return (int.from_bytes(data[offset + 4:offset + 6], "big"), str(data[offset + 9])) if bits & 0x3fff == 0x2000 else None
    kind, offset, found = data[offset + 6], offset + 40, None
    for _ in range(HEADERS_MAX):
        header = data[offset:offset + 8]
        if kind not in NEXT or len(header) < 8:
            break
        bits = int.from_bytes(header[2:4], "big") if kind == 44 else 0
        if bits & 0xfff8:
            return None
        if bits & 1:
            found = int.from_bytes(header[4:8], "big"), str(header[0])
        kind, offset = header[0], offset + header_size(kind, header)
    return found


def is_listed(address, networks):
    return any(address.version == n.version and address in n for n in networks)


def action_of(packet):
    if packet["ssh"]:
        return "SSH"
    ends = [ipaddress.ip_address(packet["src"]), ipaddress.ip_address(packet["dst"])]
    if any(is_listed(e, WHITE) for e in ends):
        return "SKIP"
    return "DROP" if any(is_listed(e, BLACK) for e in ends) else "PASS"


def is_ssh(packet):
    if packet["protocol"] != 6 or not packet["has_ports"]:
        return False
    if packet["dport"] == SSH_PORT:
        return True
    pure_syn = packet["flags"] & (TCP_SYN | TCP_ACK) == TCP_SYN
    return packet["sport"] == SSH_PORT and packet["has_flags"] and not pure_syn


class Oracle:
    def __init__(self):
        self.firsts = {}  # by what names the datagram
        self.nested = set()  # of those with a second fragment header inside

    def ports(self, fields, packet):
        name = PORTS.get(packet["protocol"])
        packet |= dict(sport=0, dport=0, flags=0, has_ports=False, has_flags=False)
        if not name or packet["later"] or not fields[f"{name}.srcport"] or not fields[f"{name}.dstport"]:
            return
        packet |= dict(sport=number(first(fields, f"{name}.srcport")), dport=number(first(fields, f"{name}.dstport")),
                       has_ports=True)
        if name == "tcp" and fields["tcp.flags"]:
            packet |= dict(flags=number(first(fields, "tcp.flags")) & 0xff, has_flags=True)

    def inherit(self, packet):
        if packet["later"] and packet["key"] in self.firsts:
            whole = self.firsts[packet["key"]]
            packet |= {name: whole[name] for name in ("protocol", "sport", "dport", "ssh")}

    def remember(self, packet):
        """Later parts are to inherit from this one, if it is a first one."""
        if packet.get("fragment") and not packet["later"]:
            self.firsts[packet["key"]] = packet

    def settle(self, got, data):
        """A difference was explained: later parts inherit what ntc had reason to take the first one for, also where
        tshark did not get as far as to see that it is one."""
        ident = first_part(data) if got["kind"] == "ip" else None
        if ident:
            version = data[layers(data)[1]] >> 4
            self.firsts[got["src"], got["dst"], ident, version] = got | {"ssh": got["action"] == "SSH"}

    def expect(self, fields, data):
        version = outer_version(fields)
        source = plain(first(fields, "ip.src" if version == 4 else "ipv6.src") if version else None)
        target = plain(first(fields, "ip.dst" if version == 4 else "ipv6.dst") if version else None)
        if not source or not target:
            return {"kind": "unreadable" if layers(data)[2] in (0x0800, 0x86dd) else "nonip"}
        kinds, protocol = ([], number(first(fields, "ip.proto"))) if version == 4 else chain(fields)
        fragment, later, ident = fragment_of(fields, version, kinds)
        packet = dict(kind="ip", src=source, dst=target, protocol=protocol, fragment=fragment, later=later, kinds=kinds)
        self.ports(fields, packet)
        packet["ssh"] = is_ssh(packet)
        packet["key"] = (source, target, ident, version)
        if kinds.count(44) > 1:
            self.nested |= {(source, target, (number(ident), nxt), version)
                            for ident, nxt in zip(fields["ipv6.fraghdr.ident"], fields["ipv6.fraghdr.nxt"])}
        packet["nested"] = packet["key"] in self.nested
        self.inherit(packet)
        packet["action"] = action_of(packet)
        packet["dropped"] = packet["action"] == "DROP"
        return packet
