# SPDX-License-Identifier: MIT
"""The counters are the packets, to the packet. (Under a flood: tests/bpf/exact-flood.py.)"""
import os
import socket
import struct
import threading
import time

from frames import Wire, ipv4_packet, udp_datagram
from waiting import expect, settled
from world import World

HOST = "10.77.0.1"


def tcp_info(stream):
    """segs_out, segs_in, bytes_sent (struct tcp_info of linux/tcp.h)."""
    info = stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    segs_out, segs_in = struct.unpack_from("II", info, 136)
    return segs_out, segs_in, struct.unpack_from("Q", info, 200)[0]


def transfer(world, size, port=9000):
    """The host sends `size` bytes to the peer over one connection. Both ends, still open."""
    with world.listen(world.peer, "10.77.0.2", port) as listener:
        near = world.connect(world.host, HOST, "10.77.0.2", port)
        far, _ = listener.accept()
    chunk = b"z" * 65536
    near.settimeout(20)
    far.settimeout(20)

    def drain():
        left = size
        while left > 0:
            left -= len(far.recv(1 << 20))

    reader = threading.Thread(target=drain)
    reader.start()
    left = size
    while left > 0:
        left -= near.send(chunk[:left])
    reader.join()
    return near, far


def no_drift(ntc):
    metrics = ntc.metrics()
    assert metrics.sum("ntc_accounting_drift_packets") == 0
    assert metrics.sum("ntc_flows_untracked_packets_total") == 0
    assert metrics.sum("ntc_parse_errors_total") == 0


def test_counters_equal_the_interfaces_own():
    """Without offloads every packet is one for the interface, too. Attached before it is up."""
    with World(configure=False) as world:
        world.no_offload()
        ntc = world.start()
        world.bring_up(0)
        ntc.add("blacklist", "10.77.0.3")
        near, far = transfer(world, 3_000_000)
        near.close()
        far.close()
        for _ in range(20):
            assert world.udp(world.peer, "10.77.0.2", world.host, HOST)
        for _ in range(3):
            assert not world.udp(world.peer, "10.77.0.3", world.host, HOST)

        def interface():
            """Packets received, packets sent, bytes of both."""
            statistics = world.host.statistics("eth0")
            rx, tx = statistics["rx"], statistics["tx"]
            return [rx["packets"], tx["packets"], rx["bytes"] + tx["bytes"]]

        def counted():
            metrics = ntc.metrics()
            return [metrics.sum("ntc_packets_total", direction="INGRESS"),
                    metrics.sum("ntc_packets_total", direction="EGRESS"), metrics.sum("ntc_bytes_total")]

        def difference():
            return [ours - theirs for ours, theirs in zip(counted(), interface())]

        settled(interface)
        expect(difference, [0, 0, 0])  # asked again: the kernel itself may send a packet between the two
        assert sum(counted()[:2]) > 2000
        no_drift(ntc)


def test_segments_of_offloaded_packets():
    """With offloads a packet for the interface is many on the wire: TCP knows how many."""
    with World() as world:
        for namespace in (world.host, world.peer):  # their options would make headers of many sizes
            namespace.run("sh", "-c", "echo 0 >/proc/sys/net/ipv4/tcp_sack")
        ntc = world.start()
        size = 40_000_000
        near, far = transfer(world, size)
        with near, far:
            settled(lambda: tcp_info(near) + tcp_info(far))
            segs_out, segs_in, payload = tcp_info(near)
            far_out, far_in, _ = tcp_info(far)
            assert payload >= size
            # An accepted socket doesn't count its answer to the SYN: the listening one gave it.
            assert (far_in, far_out + 1) == (segs_out, segs_in)
            expect(lambda: (ntc.packets(proto="TCP", direction="EGRESS"),
                            ntc.packets(proto="TCP", direction="INGRESS")), (segs_out, segs_in))
            # Ethernet 14, IPv4 20, TCP 20 and its timestamps 12; on the two SYNs 8 more of options.
            headers = (segs_out + segs_in) * 66 + 2 * 8
            expect(lambda: ntc.metrics().sum("ntc_bytes_total", proto="TCP"), payload + headers)
            frames = world.host.statistics("eth0")["tx"]["packets"]
            assert frames < segs_out / 4, "the test needs offloads to mean anything"
        no_drift(ntc)


def test_two_processors_on_one_flow():
    with World() as world:
        ntc = world.start()
        count = 100_000
        with world.host.socket(socket.AF_INET, socket.SOCK_DGRAM) as to:
            to.bind((HOST, 9000))
            with world.peer.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
                out.bind(("10.77.0.2", 5000))
                out.connect((HOST, 9000))
                processors = sorted(os.sched_getaffinity(0))[:2]

                def blast(processor):
                    os.sched_setaffinity(0, {processor})
                    for _ in range(count):
                        out.send(b"one flow")

                children = [world.fork(lambda p=p: blast(p)) for p in processors]
                for child in list(children):
                    os.waitpid(child, 0)
                    world.children.remove(child)
        sent = count * len(processors)
        expect(lambda: ntc.packets(proto="UDP", direction="INGRESS"), sent)
        expect(lambda: [flow["packets"] for flow in ntc.flows() if flow["sport"] == 5000], [sent])
        no_drift(ntc)


def test_a_known_flow_keeps_its_packets_while_there_is_no_room():
    """Others come without end, the map is full, and what it holds is learnt anew scan by scan."""
    rounds, others = 300, 20
    with World() as world, Wire(world.peer, world.host) as wire:
        ntc = world.start(extra="  capacity: 256\n")

        def send(source, port):
            wire.send(ipv4_packet(source, HOST, 17, udp_datagram(source, HOST, port, 9, b"ntc")))

        def known():
            flows = ntc.request("GET", "/flows?ip=10.77.0.2&limit=1000").json["flows"]
            return sum(flow["packets"] for flow in flows if flow["sport"] == 4000)

        for _ in range(5):
            send("10.77.0.2", 4000)
        expect(known, 5)
        for n in range(rounds):
            send("10.77.0.2", 4000)
            for other in range(others):
                send(f"198.18.{n % 250}.{other + 1}", 1024 + n)
            time.sleep(0.005)
        expect(known, 5 + rounds)
        metrics = ntc.metrics()
        assert metrics.sum("ntc_flows_untracked_packets_total") > rounds * others / 4
        assert metrics.sum("ntc_accounting_drift_packets") == 0
