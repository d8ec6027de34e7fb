# SPDX-License-Identifier: MIT
"""How often user space looks at the kernel's flows."""
import time

from marks import alone, once
from viewer import flood, flooded
from world import World

SECONDS = 2
FLOWS = 50_000  # reading them takes more than a tenth of 50 ms anywhere; of more some would have to go


def scans(world, ntc):
    """How many scans there were while packets of one flow came in: counters change with each."""
    child = flood(world, 1000 * SECONDS, "--flows", "1", "--rate", "2000")
    until, seen = time.monotonic() + SECONDS, set()
    while time.monotonic() < until:
        seen.add(ntc.packets(direction="INGRESS"))
        time.sleep(0.005)
    flooded(world, child)
    return len(seen)


@alone
@once
def test_a_full_table_is_read_half_as_often():
    with World() as world:
        ntc = world.launch(world.config().replace("scan_interval_ms: 100", "scan_interval_ms: 50")).wait_ready()
        ntc.attached()
        often = scans(world, ntc)
        flooded(world, flood(world, FLOWS, "--flows", str(FLOWS), "--sources", str(FLOWS)))
        rarely = scans(world, ntc)
        assert ntc.metrics().sum("ntc_active_flows") > FLOWS * 0.9
        print(f"scans in {SECONDS} s: {often}, of a full table {rarely}")
        assert SECONDS * 5 <= rarely <= SECONDS * 11 < often, (often, rarely)
