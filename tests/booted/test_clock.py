# SPDX-License-Identifier: MIT
"""A wall clock that is set years back and forth, while ntc runs and while the machine is off.

ntc alone sees it (clock.py): the machine's own can't be set for one test."""
import math
import os
import time
import uuid

from clock import TEN_YEARS, WallClock
from machine import Machine, expect
from stream import FOE, FRIEND, HOST

TTL = 3600


class Clock(WallClock):
    """ntc.service with a wall clock that the test sets."""

    def __init__(self, m):
        self.offset = m.root / "etc/ntc/wall-offset"
        super().__init__(m, self.offset)
        library = "/usr/lib/ntc-wall-clock.so"
        (m.root / library[1:]).write_bytes((m.folder / "clock.so").read_bytes())
        # A service's own procfs has no trace of the boot id that systemd-nspawn draws: each boot gets one here.
        m.drop_in("ntc.service", f"[Service]\nEnvironment=LD_PRELOAD={library} WALL_OFFSET=/etc/ntc/wall-offset\n"
                                 "BindReadOnlyPaths=/etc/ntc/boot-id:/proc/sys/kernel/random/boot_id\n")
        m.write("/etc/ntc/boot-id", f"{uuid.uuid4()}\n")
        os.chmod(self.offset, 0o644)


def rates(m):
    """Every number that must be neither negative nor absurd."""
    metrics = m.ntc.metrics()
    return [metrics.sum(name) for name in ("ntc_packets_per_second", "ntc_bytes_per_second", "ntc_active_flows",
                                           "ntc_active_ips")]


def test_set_years_back_and_forth():
    with Machine() as m:
        clock = Clock(m)
        ntc = m.start_ntc()
        ntc.add("blacklist", FOE, ttl=TTL)
        talk = m.host.socket(2, 2), m.peer.socket(2, 2)
        talk[0].bind((HOST, 7001))
        talk[1].bind((FRIEND, 7002))
        for seconds in (-TEN_YEARS, TEN_YEARS, -TEN_YEARS, 0):
            clock.set(seconds)
            for _ in range(5):
                talk[1].sendto(b"go on", (HOST, 7001))
            time.sleep(0.5)
            flows = [flow for flow in ntc.flows() if flow.get("dport") == 7001]
            assert len(flows) == 1, "the flow went on"
            assert all(math.isfinite(rate) and 0 <= rate < 1e6 for rate in rates(m)), rates(m)
            assert set(ntc.entries("blacklist")) == {FOE}, "the time limit is of the boot clock"
            assert not m.udp(m.peer, FOE, m.host, HOST)
            assert ntc.metrics().sum("ntc_accounting_drift_packets") == 0
        expect(lambda: [flow["packets"] for flow in ntc.flows() if flow.get("dport") == 7001], [20])
        # And another process of the same boot believes the boot clock, too.
        clock.set(TEN_YEARS)
        m.systemctl("restart", "ntc.service")
        assert set(m.ntc.entries("blacklist")) == {FOE}
        ntc.add("blacklist", "203.0.113.9", ttl=1)
        expect(lambda: set(m.ntc.entries("blacklist")), {FOE})
        for end in talk:
            end.close()


def after_a_reboot(m, clock, seconds):
    """What is still listed when the machine comes up with a wall clock `seconds` from the true time."""
    m.power_off()
    clock.set(seconds)
    m.write("/etc/ntc/boot-id", f"{uuid.uuid4()}\n")
    m.boot()
    m.start_ntc()
    return set(m.ntc.entries("blacklist"))


def test_time_limits_over_reboots():
    """After a reboot the wall clock counts, but never for more than what was left."""
    with Machine() as m:
        clock = Clock(m)
        ntc = m.start_ntc()
        ntc.add("blacklist", "203.0.113.1")
        ntc.add("blacklist", FOE, ttl=TTL)
        ntc.add("blacklist", "203.0.113.2", ttl=3 * TTL)
        assert after_a_reboot(m, clock, 0) == {"203.0.113.1", "203.0.113.2", FOE}
        # Two hours later: one is over.
        assert after_a_reboot(m, clock, 2 * TTL) == {"203.0.113.1", "203.0.113.2"}
        assert m.udp(m.peer, FOE, m.host, HOST)
        # A machine without a clock of its own starts in the past: the limit doesn't grow by it.
        assert after_a_reboot(m, clock, -TEN_YEARS) == {"203.0.113.1", "203.0.113.2"}
        entry = m.ntc.entries("blacklist")["203.0.113.2"]
        assert remaining(entry, -TEN_YEARS) <= TTL + 60, entry
        # And one that has gone on for years has ended it.
        assert after_a_reboot(m, clock, TEN_YEARS) == {"203.0.113.1"}


def remaining(entry, offset):
    """Seconds, by the wall clock that ntc sees."""
    expires = time.mktime(time.strptime(entry["expires"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
    return expires - (time.time() + offset)
