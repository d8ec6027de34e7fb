# SPDX-License-Identifier: MIT
"""From one process to the next without a gap.

A stream of packets from a blacklisted host runs throughout; the receiver counts what gets through."""
import json
import re
import signal
import socket
import threading
import time

import strace
from fd_store import handover
from kernel import TCX_INGRESS, tcx_programs
from marks import once
from stream import FOE, FRIEND, HOST, Stream, dropped
from viewer import Audience, Seen
from waiting import expect


def send_new_flow(world, source):
    with world.peer.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.bind((source, 0))
        out.sendto(b"new", (HOST, 9999))


def test_no_packet_leaks_and_no_count_is_lost():
    with handover() as (world, store):
        ntc = store.start(world)
        ntc.add("blacklist", FOE)
        expect(lambda: len([name for name in store.names() if "link" in name]), 2)
        with Stream(world) as stream:
            time.sleep(0.3)
            assert stream.leaked() == 0 and stream.sent > 100
            before = dropped(ntc)
            for end in (signal.SIGTERM, signal.SIGKILL) * 3:
                ntc.signal(end)
                ntc.wait()
                time.sleep(0.1)
                ntc = store.start(world)
                expect(lambda: dropped(ntc) > before, True)
                before = dropped(ntc)
            assert stream.leaked() == 0, "leaked over a restart"
        expect(lambda: dropped(ntc), stream.sent)  # to the packet over six restarts
        assert ntc.metrics().sum("ntc_accounting_drift_packets") == 0
        assert ntc.entries("blacklist")[FOE]["packets"] == stream.sent, "hits go on"
        ntc.stop()
        assert len(tcx_programs(world.host, "eth0", TCX_INGRESS)) == 1, "the store holds on to it"
        store.drop()
        assert tcx_programs(world.host, "eth0", TCX_INGRESS) == []


def test_a_changed_capacity_is_taken_over_without_a_gap():
    with handover() as (world, store):
        ntc = store.start(world)
        ntc.add("blacklist", FOE)
        names = store.names()
        with Stream(world) as stream:
            time.sleep(0.2)
            for capacity in (2048, 4096):
                ntc.kill()
                ntc = store.start(world, world.config(extra=f"lists:\n  capacity: {capacity}\n"))
                assert re.search(rf'"capacity":{capacity}', ntc.request("GET", "/blacklist").text)
                assert ntc.metrics().sum("ntc_accounting_drift_packets") == 0
                assert "state-recovered" not in ntc.log_path.read_text(), "new lists are no difference"
            time.sleep(0.2)
            assert stream.leaked() == 0
        expect(lambda: len(store.names()), len(names))


def test_lists_of_kernel_and_file_are_reconciled():
    with handover() as (world, store):
        ntc = store.start(world)
        ntc.add("blacklist", FOE)
        ntc.add("blacklist", "203.0.113.9")
        ntc.kill()
        text = world.state.read_text()
        assert FRIEND not in text
        world.state.write_text(text.replace(FOE, FRIEND))
        ntc = store.start(world)
        assert set(ntc.entries("blacklist")) == {FRIEND, "203.0.113.9"}
        assert not world.udp(world.peer, FRIEND, world.host, HOST)
        assert world.udp(world.peer, FOE, world.host, HOST)
        assert "1 entries added, 1 removed" in ntc.log_path.read_text()


def test_a_damaged_state_file_lets_nobody_in():
    with handover() as (world, store):
        ntc = store.start(world)
        ntc.add("blacklist", FOE)
        ntc.add("blacklist", "2001:db8:bad::/48")
        ntc.add("whitelist", "203.0.113.9")
        with Stream(world) as stream:
            time.sleep(0.2)
            ntc.kill()
            world.state.write_text(world.state.read_text()[:100])
            ntc = store.start(world)
            time.sleep(0.2)
            assert stream.leaked() == 0
        assert re.search(r"set aside as .*; the 3 entries that the kernel has stay in force", ntc.log_path.read_text())
        assert set(ntc.entries("blacklist")) == {FOE, "2001:db8:bad::/48"}
        assert set(ntc.entries("whitelist")) == {"203.0.113.9"}
        entry = ntc.entries("blacklist")[FOE]
        assert entry["comment"] == "recovered: the state file was damaged" and entry["packets"] > 0, entry
        expect(lambda: FOE in world.state.read_text(), True)
        ntc.remove("blacklist", FOE)
        assert world.udp(world.peer, FOE, world.host, HOST)


def test_a_damaged_state_file_is_one_until_there_is_a_good_one():
    with handover() as (world, store):
        ntc = store.start(world)
        ntc.add("blacklist", FOE)
        ntc.kill()
        world.state.write_text("nonsense")
        obstacle = world.folder / "lists.json.tmp"
        obstacle.mkdir()  # no save succeeds
        ntc = store.start(world)
        assert set(ntc.entries("blacklist")) == {FOE}
        ntc.kill()
        obstacle.rmdir()
        ntc = store.start(world)
        assert set(ntc.entries("blacklist")) == {FOE}
        assert not world.udp(world.peer, FOE, world.host, HOST)
        expect(lambda: FOE in world.state.read_text(), True)
        assert {path.read_text() for path in world.folder.glob("lists.json.damaged-*")} == {"nonsense"}


def small_list(world, feed):
    """The configuration of a list of 1,024 with a feed."""
    folder = world.folder / "blacklist.d"
    folder.mkdir(exist_ok=True)
    (folder / "feed.list").write_text("".join(f"20.0.{n >> 8}.{n & 255}\n" for n in range(feed)))
    return world.config(extra=f"lists:\n  capacity: 1024\nfeeds:\n  blacklist_folder: {folder}\n  whitelist_folder: ''\n")


def all_entries(ntc):
    return {entry["ip"] for entry in ntc.request("GET", "/blacklist?limit=1024").json["entries"]}


def test_a_damaged_state_file_and_a_feed_that_wants_all_the_room():
    with handover() as (world, store):
        ntc = store.start(world, small_list(world, 0))
        by_hand = {f"203.0.113.{n}" for n in range(100)}
        for address in by_hand:
            ntc.add("blacklist", address)
        small_list(world, 2000)
        expect(lambda: len(all_entries(ntc)), 1008)
        held = all_entries(ntc)
        assert by_hand < held
        ntc.kill()
        world.state.write_text("nonsense")
        ntc = store.start(world, small_list(world, 2000))
        assert all_entries(ntc) == held
        assert "the 100 entries that the kernel has stay in force" in ntc.log_path.read_text()


def test_a_feed_without_room_for_all_keeps_what_it_had():
    with handover() as (world, store):
        ntc = store.start(world, small_list(world, 900))
        expect(lambda: len(all_entries(ntc)), 900)
        small_list(world, 1200)
        expect(lambda: len(all_entries(ntc)), 1008)
        for n in range(16):
            ntc.add("blacklist", f"203.0.113.{n}")
        held = all_entries(ntc)
        assert len(held) == 1024
        ntc.kill()
        ntc = store.start(world, small_list(world, 1200))
        assert all_entries(ntc) == held
        assert "differed" not in ntc.log_path.read_text()


def test_hits_of_what_was_removed_go_to_nobody_else():
    with handover() as (world, store):
        ntc = store.start(world)
        ntc.add("blacklist", FOE)
        for _ in range(10):
            assert not world.udp(world.peer, FOE, world.host, HOST)
        assert ntc.entries("blacklist")[FOE]["packets"] == 10
        ntc.remove("blacklist", FOE)
        ntc.kill()
        ntc = store.start(world)
        ntc.add("blacklist", FRIEND)
        assert ntc.entries("blacklist")[FRIEND]["packets"] == 0, "hits of an entry that is gone"
        assert not world.udp(world.peer, FRIEND, world.host, HOST)
        assert ntc.entries("blacklist")[FRIEND]["packets"] == 1


@once
def test_slots_are_used_again_where_the_kernel_refuses_membarrier():
    """As one with nohz_full= does."""
    with handover() as (world, store):
        log = world.folder / "strace.log"
        ntc = store.start(world)
        ntc.add("blacklist", "203.0.113.9")
        ntc.kill()
        text = world.state.read_text()
        world.state.write_text(text.replace("203.0.113.9", FOE))
        with strace.instead_of_ntc(world, log, "-e", "trace=membarrier", "-e", "inject=membarrier:error=EINVAL"):
            ntc = store.start(world)
        assert set(ntc.entries("blacklist")) == {FOE}
        ntc.add("blacklist", FRIEND)
        for source in (FOE, FRIEND):
            assert not world.udp(world.peer, source, world.host, HOST)
            assert ntc.entries("blacklist")[source]["packets"] == 1
        assert log.read_text().count("(INJECTED)") >= 2


def test_hits_are_taken_over_with_what_they_are_counted_from_or_not_at_all():
    with handover() as (world, store):
        # So few that a slot that was given back is the next to be given out.
        config = world.config(extra="lists:\n  capacity: 1024\n")
        ntc = store.start(world, config)
        ntc.add("blacklist", FOE)
        hits = lambda: ntc.entries("blacklist")[FOE]["packets"]
        for _ in range(3):
            assert not world.udp(world.peer, FOE, world.host, HOST)
        # Given to FOE a second time, its slot begins above zero.
        ntc.remove("blacklist", FOE)
        ntc.kill()
        ntc = store.start(world, config)
        ntc.add("blacklist", FOE)
        for lost in ("ntc_hits", "ntc_hits_base"):
            assert not world.udp(world.peer, FOE, world.host, HOST)
            assert 0 < hits() < 100
            ntc.kill()
            store.lose(f"-{lost}")
            ntc = store.start(world, config)
            assert hits() == 0, f"without {lost}"
            assert not world.udp(world.peer, FOE, world.host, HOST)
            assert hits() == 1, f"without {lost}"
        # A list that grows by one needs another base, and no other hits.
        ntc.kill()
        ntc = store.start(world, world.config(extra="lists:\n  capacity: 1025\n"))
        assert hits() == 0


def test_counters_and_flows_of_which_not_all_are_taken_over():
    with handover() as (world, store):
        ntc = store.start(world)
        ntc.add("blacklist", FOE)
        with Stream(world) as stream:
            for lost in ("ntc_counters", "ntc_flows4", "ntc_flows6", ".data.control", None):
                time.sleep(0.3)
                before = dropped(ntc)
                ntc.kill()
                if lost:
                    store.lose(lost)
                ntc = store.start(world, world.config(extra="" if lost else "flows:\n  capacity: 4096\n"))
                time.sleep(0.3)
                metrics = ntc.metrics()
                assert metrics.sum("ntc_accounting_drift_packets") == 0, f"without {lost}"
                assert metrics.sum("ntc_packets_per_second") < 50000, f"without {lost}"
                assert dropped(ntc) > before or lost == "ntc_counters", f"without {lost}"
                assert metrics.sum("ntc_active_flows") < 100
            assert stream.leaked() == 0


def test_the_old_program_looks_into_its_lists_while_new_ones_are_filled():
    with handover() as (world, store):
        others = [f"198.{18 + i // 65536}.{i // 256 % 256}.{i % 256}" for i in range(20000)]
        world.state.write_text(json.dumps({"blacklist": [FOE, *others], "whitelist": []}))
        ntc = store.start(world)
        running = True

        def newcomers():
            """Each a flow of its own, which is judged by the lists."""
            while running:
                send_new_flow(world, FOE)

        with Stream(world) as stream:
            thread = threading.Thread(target=newcomers, daemon=True)
            thread.start()
            time.sleep(0.2)
            ntc.kill()
            ntc = store.start(world, world.config(extra="lists:\n  capacity: 65537\n"))
            running = False
            thread.join()
            time.sleep(0.2)
            assert stream.leaked() == 0


def test_losses_in_the_life_of_the_process_before_are_no_news():
    with handover() as (world, store):
        config = world.config(extra="  capacity: 64\n")
        ntc = store.start(world, config)

        def flood():
            for _ in range(300):
                send_new_flow(world, FRIEND)

        told = lambda: "found no room for a flow" in ntc.log_path.read_text()
        while not told():
            flood()
        ntc.kill()
        ntc = store.start(world, config)
        assert ntc.metrics().sum("ntc_flows_untracked_packets_total") > 0
        time.sleep(0.5)
        assert not told(), "told once more"
        while not told():
            flood()


def test_what_the_old_program_judges_while_new_lists_are_filled_is_judged_anew():
    with handover() as (world, store):
        ntc = store.start(world)
        ntc.add("blacklist", FRIEND)
        with Stream(world) as stream:
            time.sleep(0.2)
            ntc.kill()
            assert stream.leaked() > 0
            text = world.state.read_text()
            world.state.write_text(text.replace(FRIEND, FOE))
            # Other lists, the same flows: their verdicts are those of the old lists.
            ntc = store.start(world, world.config(extra="lists:\n  capacity: 4096\n"))
            stream.leaked()
            time.sleep(0.3)
            assert stream.leaked() == 0, "an old verdict under a new generation"
            assert ntc.entries("blacklist")[FOE]["packets"] > 0


def test_auto_and_a_restart_while_there_is_no_default_route():
    with handover() as (world, store):
        world.host.ip("route", "add", "default", "via", "10.77.0.2")
        for tcx in ("true", "false"):
            config = world.config(interfaces=["auto"]).replace("network:\n", f"network:\n  tcx: {tcx}\n")
            ntc = store.start(world, config)
            ntc.add("blacklist", FOE)
            with Stream(world) as stream:
                time.sleep(0.2)
                world.host.ip("route", "delete", "default")
                ntc.kill()
                ntc = store.start(world, config)
                assert ntc.metrics().sum("ntc_attached", interface="eth0") == 2
                time.sleep(0.2)
                assert stream.leaked() == 0, f"with tcx: {tcx}"
                world.host.ip("route", "add", "default", "via", "10.77.0.2")
                time.sleep(0.2)
                assert stream.leaked() == 0, f"with tcx: {tcx}"
            ntc.remove("blacklist", FOE)
            ntc.kill()


def watched(world, ntc, audience, packets):
    """The ids of so many packets, all of them shown to a viewer."""
    viewer = audience.add(world, ntc)
    for n in range(packets):
        assert world.udp(world.peer, FRIEND, world.host, HOST)
        time.sleep(0.02 if n % 10 == 0 else 0)  # not above the budget
    expect(lambda: len(Seen(viewer).ids) >= packets, True)
    return Seen(viewer).ids


def test_event_ids_go_on_or_are_unknown():
    with handover() as (world, store), Audience() as audience:
        ntc = store.start(world)
        world.silence()
        ids = watched(world, ntc, audience, 10)

        def comes_back(event_id):
            viewer = audience.add(world, ntc, headers=f"Last-Event-ID: {event_id}\r\n")
            expect(lambda: b"gap" in viewer.received, True)
            assert viewer.messages() == [("gap", None, {"packets": None})], f"with {event_id}"

        ntc.kill()
        ntc = store.start(world)
        later = watched(world, ntc, audience, 20)
        assert ids[-1] < later[0] < ids[-1] + 1000, "numbers go on"
        comes_back(ids[4])
        for lost in ("ntc_counters", ".data.control"):
            ntc.kill()
            store.lose(lost)
            ntc = store.start(world)
            # More than before, so that the same numbers would have been given out again.
            anew = watched(world, ntc, audience, 60)
            assert not set(anew) & set(ids + later), f"without {lost}"
            comes_back(ids[4])
            comes_back(later[4])


def test_a_second_process_does_not_save_what_it_could_not_read():
    """It finds the file damaged and the port taken, and ends: what is left of the lists is the kernel's, and stays."""
    with handover() as (world, store):
        ntc = store.start(world)
        ntc.add("blacklist", FOE)
        with Stream(world) as stream:
            world.state.write_text("nonsense")
            assert world.launch(None).wait() != 0
            assert world.state.read_text() == "nonsense"
            ntc.kill()
            ntc = store.start(world)
            assert FOE in ntc.entries("blacklist") and stream.leaked() == 0
