# SPDX-License-Identifier: MIT
"""Other programs on the same hooks keep running, whatever they are and whatever they decide."""
import json

from kernel import TCX_DROP, TCX_EGRESS, TCX_INGRESS, TCX_NEXT, TCX_PASS, CountingProgram, tcx_programs
from world import World, expect

HOST, FRIEND, FOE = "10.77.0.1", "10.77.0.3", "10.77.0.4"
HOOKS = (TCX_INGRESS, TCX_EGRESS)


def ours(world):
    return [name for hook in HOOKS for name in tcx_programs(world.host, "eth0", hook)
            if name.startswith("ntc")]


def both_ways(world):
    return (world.udp(world.peer, FRIEND, world.host, HOST), world.udp(world.host, HOST, world.peer, FRIEND))


def test_clean_stop_leaves_nothing():
    with World() as world:
        before = world.host.run("tc", "qdisc", "show")
        ntc = world.start()
        assert len(ours(world)) == 2
        ntc.stop()
        assert ours(world) == []
        assert world.host.run("tc", "qdisc", "show") == before


def test_links_vanish_with_a_killed_process():
    with World() as world:
        ntc = world.start()
        ntc.add("blacklist", FRIEND)
        ntc.kill()
        expect(lambda: ours(world), [])
        assert both_ways(world) == (True, True)


def test_foreign_tcx_programs_run_on():
    with World() as world:
        foreign = [CountingProgram(world.host, "eth0", hook, TCX_NEXT) for hook in HOOKS]

        def counted():
            before = [program.count() for program in foreign]
            assert both_ways(world) == (True, True)
            return all(program.count() > count for program, count in zip(foreign, before))

        assert counted()
        ntc = world.start()
        for hook in HOOKS:
            names = tcx_programs(world.host, "eth0", hook)
            assert names[0].startswith("ntc") and names[1:] == ["foreign"], names
        assert counted()
        # What ntc drops is dropped before it: theirs sees nothing of it.
        ntc.add("blacklist", FOE)
        before = foreign[0].count()
        assert not world.udp(world.peer, FOE, world.host, HOST)
        assert foreign[0].count() == before
        ntc.stop()
        for hook in HOOKS:
            assert tcx_programs(world.host, "eth0", hook) == ["foreign"]
        assert counted()
        for program in foreign:
            program.close()


def test_foreign_tcx_verdicts_are_final():
    with World() as world:
        for verdict, passes in ((TCX_PASS, True), (TCX_DROP, False)):
            foreign = CountingProgram(world.host, "eth0", TCX_INGRESS, verdict)
            ntc = world.start()
            before = ntc.packets(proto="UDP", direction="INGRESS")
            assert world.udp(world.peer, FRIEND, world.host, HOST) is passes
            # ntc is first: it sees what the other one drops.
            expect(lambda: ntc.packets(proto="UDP", direction="INGRESS"), before + 1)
            ntc.stop()
            assert world.udp(world.peer, FRIEND, world.host, HOST) is passes
            foreign.close()


def test_program_attached_later_runs():
    with World() as world:
        world.start()
        late = CountingProgram(world.host, "eth0", TCX_INGRESS, TCX_NEXT)
        assert both_ways(world) == (True, True)
        assert late.count() > 0
        late.close()


def filters(world):
    """Handle and packets of every classic filter."""
    found = {}
    for direction in ("ingress", "egress"):
        text = world.host.run("tc", "-j", "-s", "filter", "show", "dev", "eth0", direction)
        for entry in json.loads(text or "[]"):
            for action in entry.get("options", {}).get("actions", []):
                found[direction, entry["pref"], entry["kind"]] = action["stats"]["packets"]
    return found


def test_foreign_clsact_filters_run_on():
    with World() as world:
        tc = lambda *arguments: world.host.run("tc", *arguments)
        tc("qdisc", "add", "dev", "eth0", "clsact")
        tc("filter", "add", "dev", "eth0", "ingress", "pref", "1", "protocol", "ip", "flower",
           "ip_proto", "udp", "dst_port", "9999", "action", "drop")
        tc("filter", "add", "dev", "eth0", "ingress", "pref", "5", "matchall", "action", "ok")
        tc("filter", "add", "dev", "eth0", "egress", "pref", "5", "matchall", "action", "ok")

        def counted():
            before = filters(world)
            assert both_ways(world) == (True, True)
            assert not world.udp(world.peer, FRIEND, world.host, HOST, port=9999)
            after = filters(world)
            assert before.keys() == after.keys() and len(after) == 3, after
            return all(after[key] > before[key] for key in after)

        before = filters(world).keys()
        assert counted()
        ntc = world.start()
        assert counted()
        expect(lambda: ntc.packets(proto="UDP", direction="INGRESS", action="PASS"), 2)
        ntc.add("blacklist", FRIEND)
        assert both_ways(world) == (False, False)
        ntc.remove("blacklist", FRIEND)
        ntc.stop()
        assert counted()
        assert filters(world).keys() == before
        assert "clsact" in tc("qdisc", "show", "dev", "eth0")
