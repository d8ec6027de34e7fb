# SPDX-License-Identifier: MIT
"""A journald that hangs or is gone: ntc goes on, counts what it could not tell, and ends in time."""
import os
import select
import signal
import time

from machine import Machine, expect
from marks import takes
from stream import FOE, Stream

HANG_SEC = 60
EXIT_MORE_SEC = 1.0


def seconds(function):
    begin = time.monotonic()
    function()
    return time.monotonic() - begin


def journald(m):
    return m.outer_pid(m.show("systemd-journald.service", "MainPID"))


def change_lists(ntc, duration):
    """As fast as it goes. The longest time an answer took, and how many changes there were."""
    longest, changes, until = 0.0, 0, time.monotonic() + duration
    while time.monotonic() < until:
        ip = f"198.51.100.{changes // 2 % 250}"
        longest = max(longest, seconds(lambda: (ntc.remove if changes % 2 else ntc.add)("blacklist", ip)))
        changes += 1
    return longest, changes


def lost(ntc):
    return ntc.metrics().sum("ntc_journal_lost_total")


def stop_time(m):
    """Of ntc itself: systemd, which logs, is not asked."""
    pid = os.pidfd_open(m.ntc_pid())
    signal.pidfd_send_signal(pid, signal.SIGTERM)
    begin = time.monotonic()
    assert select.select([pid], [], [], 15)[0], "does not end"
    os.close(pid)
    return time.monotonic() - begin


@takes(180)
def test_hanging_for_a_minute():
    with Machine() as m:
        ntc = m.start_ntc()
        usual_exit = stop_time(m)
        ntc = m.start_ntc()
        usual, _ = change_lists(ntc, 3)
        ntc.add("blacklist", FOE)
        pid = journald(m)
        with Stream(m) as stream:
            os.kill(pid, signal.SIGSTOP)
            try:
                stream.leaked()
                before = ntc.packets(action="DROP")
                longest, changes = change_lists(ntc, HANG_SEC)
                print(f"{changes} changes, the slowest took {longest:.3f} s, {usual:.3f} s before; lost {lost(ntc)}")
                assert longest < max(1.0, 5 * usual), "the loop waited"
                assert changes > 256 and 0 < lost(ntc) <= changes + 10
                assert " journal_entries" in m.run("ntcctl", "status")
                assert stream.leaked() == 0 and ntc.packets(action="DROP") > before
                took = stop_time(m)
                print(f"ended in {took:.2f} s, in {usual_exit:.2f} s before")
                assert took <= usual_exit + EXIT_MORE_SEC + 0.3  # what measuring takes
            finally:
                os.kill(pid, signal.SIGCONT)
        m.systemctl("start", "ntc.service")
        expect(lambda: m.ntc.request("GET", "/healthz").status, 200)
        m.ntc.add("blacklist", "203.0.113.99")
        expect(lambda: len(m.journal("NTC_ADDRESS=203.0.113.99")), 1)


def test_stopped_and_started_again():
    with Machine() as m:
        ntc = m.start_ntc()
        m.systemctl("stop", "systemd-journald.socket", "systemd-journald-dev-log.socket",
                    "systemd-journald-audit.socket", "systemd-journald.service", check=False)
        longest, changes = change_lists(ntc, 3)
        assert longest < 1.0 and changes > 10
        m.systemctl("start", "systemd-journald.socket", "systemd-journald-dev-log.socket", "systemd-journald.service")
        ntc.add("blacklist", "203.0.113.99")
        expect(lambda: len(m.journal("NTC_ADDRESS=203.0.113.99")), 1)
        assert m.show("ntc.service", "NRestarts") == "0"
