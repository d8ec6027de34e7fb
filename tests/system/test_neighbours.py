# SPDX-License-Identifier: MIT
"""Other programs on the same hooks keep running, whatever they are and whatever they decide."""
import socket

from kernel import TCX_DROP, TCX_EGRESS, TCX_INGRESS, TCX_NEXT, TCX_PASS, CountingProgram, tcx_programs
from waiting import expect
from world import World

HOST, FRIEND, FOE = "10.77.0.1", "10.77.0.3", "10.77.0.4"
TC_UNSPEC, TC_OK, TC_SHOT = -1, 0, 2
HOOKS = (TCX_INGRESS, TCX_EGRESS)


def ours(world):
    return [name for hook in HOOKS for name in tcx_programs(world.host, "eth0", hook)
            if name.startswith("ntc")]


def both_ways(world):
    return (world.udp(world.peer, FRIEND, world.host, HOST), world.udp(world.host, HOST, world.peer, FRIEND))


def unseen(world, program, blacklisted):
    """What ntc drops is dropped before the others. (They see a few packets of IPv6's housekeeping.)"""
    before = program.count()
    with world.peer.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.bind((blacklisted, 0))
        for _ in range(50):
            out.sendto(b"dropped", (HOST, 9000))
    assert program.count() < before + 10


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
        foreign = [CountingProgram(TCX_NEXT).attach(world.host, "eth0", hook) for hook in HOOKS]

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
        ntc.add("blacklist", FOE)
        unseen(world, foreign[0], FOE)
        ntc.stop()
        for hook in HOOKS:
            assert tcx_programs(world.host, "eth0", hook) == ["foreign"]
        assert counted()
        for program in foreign:
            program.close()


def test_foreign_tcx_verdicts_are_final():
    with World() as world:
        for verdict, passes in ((TCX_PASS, True), (TCX_DROP, False)):
            foreign = CountingProgram(verdict).attach(world.host, "eth0", TCX_INGRESS)
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
        late = CountingProgram(TCX_NEXT).attach(world.host, "eth0", TCX_INGRESS)
        assert both_ways(world) == (True, True)
        assert late.count() > 0
        late.close()


def filters(world):
    return [world.host.run("tc", "filter", "show", "dev", "eth0", direction)
            for direction in ("ingress", "egress")]


def test_foreign_clsact_filters_run_on():
    """Classic filters, with final verdicts of their own."""
    with World() as world:
        folder = world.mount("bpf", "bpf")
        world.host.run("tc", "qdisc", "add", "dev", "eth0", "clsact")
        programs = {}
        for direction, priority, verdict in (("ingress", 5, TC_OK), ("egress", 5, TC_UNSPEC),
                                             ("egress", 6, TC_OK)):
            name = f"{direction}{priority}"
            programs[name] = CountingProgram(verdict).add_filter(world.host, "eth0", direction, folder / name,
                                                                 "pref", str(priority))

        def counted():
            before = {name: program.count() for name, program in programs.items()}
            assert both_ways(world) == (True, True)
            return all(program.count() > before[name] for name, program in programs.items())

        before = filters(world)
        assert counted()
        ntc = world.start()
        assert counted()
        expect(lambda: ntc.packets(proto="UDP", direction="INGRESS", action="PASS"), 1)
        ntc.add("blacklist", FRIEND)
        assert both_ways(world) == (False, False)
        unseen(world, programs["ingress5"], FRIEND)
        ntc.remove("blacklist", FRIEND)
        assert filters(world) == before
        ntc.stop()
        assert filters(world) == before
        assert counted()


def test_foreign_clsact_drop_is_final():
    with World() as world:
        world.host.run("tc", "qdisc", "add", "dev", "eth0", "clsact")
        CountingProgram(TC_SHOT).add_filter(world.host, "eth0", "ingress", world.mount("bpf", "bpf") / "shot")
        ntc = world.start()
        before = ntc.packets(proto="UDP", direction="INGRESS")
        assert not world.udp(world.peer, FRIEND, world.host, HOST)
        # ntc is first: it sees what the other one drops.
        expect(lambda: ntc.packets(proto="UDP", direction="INGRESS"), before + 1)
        ntc.stop()
        assert not world.udp(world.peer, FRIEND, world.host, HOST)
