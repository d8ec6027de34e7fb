#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The datapath against an independent judge: packets made by scapy, through the real eBPF program and through
tshark's dissection. Addresses, protocol, ports, TCP flags, action and verdict must be the same, except for what
EXPLAINED explains. Usage: differential.py RUNNER [--packets N] [--seed N]. Needs root, scapy and tshark."""

import argparse
import collections
import ipaddress
import json
import os
import subprocess
import sys
import tempfile
import time

from differential_oracle import HEADERS_MAX, TAGS_MAX, Oracle, header_size, layers, tshark
from differential_packets import Maker, write_pcap

COMPARED = ["kind", "src", "dst", "protocol", "sport", "dport", "flags", "action", "dropped"]


def differences(expected, got):
    names = COMPARED if expected["kind"] == got["kind"] == "ip" else ["kind"]
    return {n for n in names if expected.get(n) != got.get(n)}


EXTENSIONS = ("ipv6.hopopts", "ipv6.routing", "ipv6.dstopts", "ipv6.fraghdr", "ah", "mipv6", "hip", "shim6")
TRANSPORT_BYTES = {6: 20, 17: 8, 132: 12, 136: 8, 33: 12}


def header_offsets(data, kinds):
    """Where each of the IPv6 extension headers begins, and where the last one ends."""
    offsets = [layers(data)[1] + 40]
    for kind in kinds:
        offsets.append(offsets[-1] + header_size(kind, data[offsets[-1]:][:2].ljust(2, b"\0")))
    return offsets


def too_many_tags(expected, got, data, fields, differing):
    return layers(data)[0] >= TAGS_MAX and got["kind"] == "buried"


def test_run_refuses(expected, got, data, fields, differing):
    _, offset, ethertype = layers(data)
    return got["kind"] == "refused" and offset == 14 and len(data) < 14 + {0x0800: 20, 0x86dd: 40}.get(ethertype, 0)


def options_missing(expected, got, data, fields, differing):
    _, offset, _ = layers(data)
    return (expected["kind"] == "unreadable" and got["kind"] == "ip" and data[offset] >> 4 == 4
            and offset + 20 <= len(data) < offset + (data[offset] & 15) * 4)


def header_length_too_small(expected, got, data, fields, differing):
    _, offset, _ = layers(data)
    return (expected["kind"] == "unreadable" and got["kind"] == "ip" and data[offset] >> 4 == 4
            and data[offset] & 15 < 5 and got["sport"] == got["dport"] == 0)


def too_many_headers(expected, got, data, fields, differing):
    return len(expected.get("kinds", [])) > HEADERS_MAX and got["sport"] == got["dport"] == 0


def header_cut(expected, got, data, fields, differing):
    kinds = expected.get("kinds")
    return (bool(kinds) and differing == {"protocol"} and got["protocol"] == kinds[-1]
            and header_offsets(data, kinds)[-2] + 8 > len(data))


def header_malformed(expected, got, data, fields, differing):
    """tshark ended with an extension header, of which the beginning is there."""
    kinds, last = expected.get("kinds"), fields["frame.protocols"][0].split(":")[-1]
    return (bool(kinds) and last in EXTENSIONS and got["kind"] == "ip" and not expected["has_ports"]
            and (bool(fields["_ws.malformed"]) or kinds[-1] == 43 or expected["fragment"]) and header_offsets(data, kinds)[-2] + 8 <= len(data))


def hip_or_shim(expected, got, data, fields, differing):
    return expected.get("kinds", [])[-1:] in ([139], [140], [135]) and got["kind"] == "ip" and got["protocol"] != expected["protocol"]


def transport_offset(expected, data):
    _, offset, ethertype = layers(data)
    return header_offsets(data, expected.get("kinds", []))[-1] if ethertype == 0x86dd else offset + (data[offset] & 15) * 4


def length_field_short(expected, got, data, fields, differing):
    _, offset, ethertype = layers(data)
    if got["kind"] != "ip":
        return False
    if ethertype == 0x86dd:
        end = offset + 40 + int.from_bytes(data[offset + 4:offset + 6], "big")
    else:
        end = offset + int.from_bytes(data[offset + 2:offset + 4], "big")
    return end < transport_offset(expected, data) + TRANSPORT_BYTES.get(got["protocol"], 8)


def tcp_length_too_small(expected, got, data, fields, differing):
    at = transport_offset(expected, data)
    return differing <= {"flags", "action", "dropped"} and expected["protocol"] == 6 and at + 14 <= len(data) and data[at + 12] >> 4 < 5


def transport_cut(expected, got, data, fields, differing):
    at = transport_offset(expected, data)
    return (got["kind"] == "ip" and got["protocol"] == expected.get("protocol") in TRANSPORT_BYTES
            and at + 4 <= len(data) < at + TRANSPORT_BYTES[got["protocol"]])


def nested_fragment(expected, got, data, fields, differing):
    return bool(expected.get("nested")) and expected["later"] and got["kind"] == "ip"


# What differs, why, and how it is recognised. The order matters: the first that applies.
EXPLAINED = [
    ("more than eight tags", "ntc's walk is bounded: beyond that it drops a frame", too_many_tags),
    ("refused by BPF_PROG_TEST_RUN", "an untagged IP header that is cut never reaches the program", test_run_refuses),
    ("IPv4 options cut off", "tshark shows no addresses; ntc has them, so the lists decide", options_missing),
    ("IPv4 header length below 20", "tshark shows no addresses; ntc has them, so the lists decide", header_length_too_small),
    ("more than ten IPv6 headers", "ntc's walk is bounded: addresses decide, there are no ports", too_many_headers),
    ("IPv6 extension header cut off", "ntc keeps the number of the header it can't read, tshark that of the one after it", header_cut),
    ("length field shorter than the headers", "ntc reads what is there, tshark no further than the field; Linux drops it", length_field_short),
    ("IPv6 extension header with nonsense inside", "tshark stops there, or behind one in a fragment; ntc goes by the length", header_malformed),
    ("HIP, shim6 or mobility header", "to tshark the end of the chain, to ntc one more header", hip_or_shim),
    ("TCP data offset below 20", "tshark shows no flags; ntc reads them where they always are", tcp_length_too_small),
    ("fragments within fragments", "ntc knows the datagram by the inner number: later parts of the outer one have no ports", nested_fragment),
    ("transport header cut behind the ports", "tshark wants all of it, ntc what it needs", transport_cut),
]


# An explanation of nothing is none, but these don't come up in every run.
RARE = ("HIP, shim6 or mobility header", "fragments within fragments", "IPv4 header length below 20")


def explain(expected, got, data, fields):
    differing = differences(expected, got)
    for name, _, applies in EXPLAINED:
        if applies(expected, got, data, fields, differing):
            return name
    return None


def normalise(got):
    for end in ("src", "dst"):
        if end in got:
            got[end] = str(ipaddress.ip_address(got[end]))
    return got


def compare(packets, dissected, results):
    oracle, classes, unexplained, agreed = Oracle(), collections.Counter(), [], 0
    for index, (data, fields, got) in enumerate(zip(packets, dissected, results)):
        expected = oracle.expect(fields, data)
        if expected["kind"] == "ip":
            normalise(expected)
        if not differences(expected, normalise(got)):
            agreed += 1
            oracle.remember(expected)
            continue
        name = explain(expected, got, data, fields)
        if name:
            classes[name] += 1
            oracle.settle(got, data)
        else:
            unexplained.append((index, expected, got, data, fields))
    return agreed, classes, unexplained


def show(unexplained):
    for index, expected, got, data, fields in unexplained[:10]:
        print(f"    packet {index}: {sorted(differences(expected, got))}\n      tshark {expected}\n      ntc    {got}\n"
              f"      {fields['frame.protocols']}\n      {data[:160].hex()}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("runner")
    parser.add_argument("--packets", type=int, default=21000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ntc-differential-") as folder:
        pcap, results = os.path.join(folder, "packets.pcap"), os.path.join(folder, "results.jsonl")
        packets = list(Maker(options.seed).packets(options.packets))
        write_pcap(pcap, packets)
        subprocess.run([options.runner, pcap, results], check=True, stdout=subprocess.DEVNULL)
        with open(results) as file:
            got = [json.loads(line) for line in file]
        dissected = tshark(pcap)
    assert len(packets) == len(got) == len(dissected), (len(packets), len(got), len(dissected))
    agreed, classes, unexplained = compare(packets, dissected, got)
    for name, why, _ in EXPLAINED:
        print(f"    {classes[name]:6} {name}: {why}")
    show(unexplained)
    good = not unexplained and all(classes[name] for name, _, _ in EXPLAINED if name not in RARE) and agreed > 0.6 * len(packets)
    print("PASS" if good else "FAIL", f"differential/tshark {len(packets)} packets (seed {options.seed}): {agreed} the same, "
          f"{sum(classes.values())} explained, {len(unexplained)} not explained; {time.monotonic() - begin:.0f} s")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
