# SPDX-License-Identifier: MIT
"""tc filters on clsact: what kernels before 6.6 get, and what network.tcx: false asks for."""
import contextlib
import json
import os
import time

import strace
from kernel import TCX_INGRESS, CountingProgram, tcx_programs
from waiting import expect
from world import World

HOST, FOE = "10.77.0.1", "10.77.0.4"
TC_UNSPEC = -1


def start(world, interfaces=None, tcx="false"):
    config = world.config(interfaces).replace("network:\n", f"network:\n  tcx: {tcx}\n")
    return world.launch(config).wait_ready()


@contextlib.contextmanager
def as_the_unit_does():
    """An ntc that is started here leaves its filters to the next one."""
    os.environ["NTC_HANDOVER"] = "1"
    try:
        yield
    finally:
        del os.environ["NTC_HANDOVER"]


def filters(world, side="ingress", interface="eth0"):
    """(priority, handle, program) of each bpf filter of the hook."""
    shown = world.host.run("tc", "-json", "filter", "show", "dev", interface, side)
    return [(f["pref"], int(f["options"]["handle"], 16), f["options"].get("bpf_name", ""))
            for f in json.loads(shown or "[]") if f.get("kind") == "bpf" and "options" in f]


def ours(world, interface="eth0"):
    return [f for side in ("ingress", "egress") for f in filters(world, side, interface) if f[2].startswith("ntc_")]


def foreign(world, priority):
    """An earlier program of someone else."""
    world.host.run("tc", "qdisc", "add", "dev", "eth0", "clsact")
    CountingProgram(TC_UNSPEC).add_filter(world.host, "eth0", "ingress", world.mount("bpf", "bpf") / "foreign",
                                          "pref", str(priority))


def others(world):
    return len([f for f in filters(world) if not f[2].startswith("ntc_")])


def udp(world):
    return (world.udp(world.peer, FOE, world.host, HOST), world.udp(world.host, HOST, world.peer, FOE))


def test_lists_hold_and_a_clean_stop_takes_the_filters_along():
    with World() as world:
        ntc = start(world)
        assert len(ours(world)) == 2 and all(priority == 1 for priority, _, _ in ours(world))
        assert '"hook":"clsact"' in ntc.request("GET", "/status").text
        assert udp(world) == (True, True)
        ntc.add("blacklist", FOE)
        assert udp(world) == (False, False)
        ntc.remove("blacklist", FOE)
        assert udp(world) == (True, True)
        ntc.stop()
        assert ours(world) == []


def test_a_taken_priority_is_respected():
    with World() as world:
        foreign(world, 1)
        ntc = start(world)
        expect(lambda: len(ours(world)), 2)
        assert others(world) == 1
        ntc.stop()
        assert ours(world) == [] and others(world) == 1


def test_filters_taken_away_come_back():
    with World() as world:
        ntc = start(world)
        ntc.add("blacklist", FOE)
        world.host.run("tc", "qdisc", "delete", "dev", "eth0", "clsact")
        expect(lambda: len(ours(world)), 2, 8)
        expect(lambda: udp(world), (False, False), 2)
        ntc.stop()
        assert ours(world) == []


def test_filters_that_cannot_be_asked_for_stay():
    """Of the questions to the kernel every fifth fails: one for a filter; and after the other filter's and three for
    interfaces and routes, one for a filter again."""
    with World() as world:
        world.silence()
        ntc = start(world)
        time.sleep(1.5)  # addresses are looked up, too
        with strace.Strace(ntc.process.pid, world.folder / "strace.log", (), "-e", "trace=sendto",
                           "-e", "inject=sendto:error=ENOBUFS:when=1+5") as tracer:
            expect(tracer.injected, True, 5)
            time.sleep(0.5)
        assert "No longer watching" not in ntc.log_path.read_text()
        assert len(ours(world)) == 2
        ntc.stop()


def test_filter_replaced_by_another():
    """It keeps the place that it took; ntc takes another."""
    with World() as world:
        path = world.mount("bpf", "bpf") / "foreign"
        CountingProgram(TC_UNSPEC).pin(path)
        ntc = start(world)
        ntc.add("blacklist", FOE)
        priority, handle, _ = next(f for f in filters(world) if f[2].startswith("ntc_ingress"))
        world.host.run("tc", "filter", "replace", "dev", "eth0", "ingress", "pref", str(priority), "handle", hex(handle),
                       "bpf", "direct-action", "object-pinned", str(path))
        assert others(world) == 1 and len(ours(world)) == 1
        expect(lambda: len(ours(world)), 2, 8)
        expect(lambda: udp(world), (False, False), 2)
        assert others(world) == 1
        ntc.stop()
        assert ours(world) == [] and others(world) == 1


def test_a_killed_daemons_filter_is_replaced_and_not_doubled():
    with World() as world:
        foreign(world, 7)
        ntc = start(world)
        ntc.add("blacklist", FOE)
        ntc.kill()
        assert len(ours(world)) == 2, "filters outlive their process"
        assert udp(world) == (False, False), "and go on dropping"
        ntc = start(world)
        assert len(ours(world)) == 2
        assert udp(world) == (False, False)
        ntc.stop()
        assert ours(world) == [] and others(world) == 1


def test_filters_left_for_the_next_process_go_with_detach():
    """As the unit does it: the daemon leaves them over a restart, and `ntc --detach` ends it."""
    with World() as world:
        foreign(world, 7)
        with as_the_unit_does():
            ntc = start(world)
        ntc.add("blacklist", FOE)
        ntc.stop()
        assert len(ours(world)) == 2 and udp(world) == (False, False)
        world.host.run(os.environ["NTC_BINARY"], "--detach")
        assert ours(world) == [] and others(world) == 1
        assert udp(world) == (True, True)


def test_filters_go_from_an_interface_that_is_watched_no_more():
    with World(cables=2) as world:
        foreign(world, 7)
        for interfaces, left in ((["eth1"], "eth1"), (["eth0"], "eth0")):
            with as_the_unit_does():
                ntc = start(world, ["eth0", "eth1"])
                ntc.kill()
                ntc = start(world, interfaces)
            assert [name for name in ("eth0", "eth1") if ours(world, name)] == [left]
            assert len(ours(world, left)) == 2 and others(world) == 1
            ntc.stop()


def test_filters_go_where_tcx_takes_their_place():
    with World() as world:
        foreign(world, 7)
        world.silence()
        with as_the_unit_does():
            ntc = start(world)
            ntc.add("blacklist", FOE)
            ntc.stop()
            assert len(ours(world)) == 2 and udp(world) == (False, False)
            ntc = start(world, tcx="true")
        if not tcx_programs(world.host, "eth0", TCX_INGRESS):
            return  # a kernel without
        assert ours(world) == [] and others(world) == 1
        assert udp(world) == (False, False)
        ntc.remove("blacklist", FOE)
        before = ntc.packets(direction="INGRESS")
        assert udp(world) == (True, True)
        expect(lambda: ntc.packets(direction="INGRESS"), before + 1)


def test_a_second_ntc_that_is_started_by_hand_takes_nothing_from_the_first():
    with World(cables=2) as world:
        with as_the_unit_does():
            ntc = start(world, ["eth0"])
        ntc.add("blacklist", FOE)
        second = world.launch(world.config(["eth1"], path=world.folder / "other.json"), ("--port", "9321"))
        second.port = 9321
        second.wait_ready()
        assert len(ours(world)) == 2 and udp(world) == (False, False)
        second.stop()
        assert len(ours(world)) == 2 and udp(world) == (False, False)
