# SPDX-License-Identifier: MIT
"""ntc --mock: the same traffic for the same seed, the lists obeyed, and nothing needed but a file system."""
import os
import pathlib
import re
import shutil
import signal
import time

from marks import once
from process import run
from viewer import Audience, Seen
from waiting import expect
from world import World

NOBODY = 65534


def mock(world, extra=""):
    return world.launch(world.config(extra="mock:\n" + extra), ["--mock"]).wait_ready()


def stretch(world, seed, seconds):
    """The packets of a few seconds, without what belongs to the moment."""
    ntc = mock(world, f"  rate: 400\n  seed: {seed}\n")
    with Audience() as audience:
        viewer = audience.add(world, ntc)
        time.sleep(seconds)
        seen = Seen(viewer)
    ntc.stop()
    return [(e["src"], e["sport"], e["dst"], e["dport"], e["proto"], e["action"], e["direction"], e["len"],
             e["flags"]) for e in seen.events]


def overlap(one, other):
    """How many packets two stretches have in common from where the later one begins; 0 if they differ."""
    for early, late in ((one, other), (other, one)):
        for at in range(len(early) - 20):
            if early[at:at + 20] == late[:20]:
                common = min(len(early) - at, len(late))
                return common if early[at:at + common] == late[:common] else 0
    return 0


def test_same_seed_same_traffic():
    with World(cables=0) as world:
        one, again, other = (stretch(world, seed, 3) for seed in (7, 7, 8))
        assert len(one) > 800 and overlap(one, again) > 700, (len(one), overlap(one, again))
        assert overlap(one, other) == 0


def test_blacklisted_is_dropped_within_a_second():
    with World(cables=0) as world:
        ntc = mock(world, "  rate: 1500\n  seed: 7\n")
        with Audience() as audience:
            viewer = audience.add(world, ntc)
            expect(lambda: b"203.0.113.7" in viewer.received, True)
            assert Seen(viewer).of("DROP") == []
            begin = time.monotonic()
            ntc.add("blacklist", "203.0.113.0/24")
            expect(lambda: b'"DROP"' in viewer.received, True, 1)
            expect(lambda: ntc.packets(action="DROP") > 0, True, 1 - (time.monotonic() - begin))
            time.sleep(0.5)
            at = len(viewer.messages())
            time.sleep(0.5)
            for name, _, event in viewer.messages()[at:]:
                if name == "" and "203.0.113." in event["src"] + event["dst"]:
                    assert event["action"] == "DROP", event
            ntc.add("whitelist", "203.0.113.0/24")
            expect(lambda: b'"SKIP"' in viewer.received, True, 1)
        assert ntc.metrics().sum("ntc_list_hits_total", list="blacklist") == ntc.packets(action="DROP")
        assert ntc.packets(action="SSH") > 0
        assert ntc.metrics().sum("ntc_accounting_drift_packets") == 0


def bare_root(world):
    """Nothing but the program, what it is linked with, and one folder to write to."""
    root = world.folder / "root"
    binary = os.environ["NTC_BINARY"]
    needed = re.findall(r"(/\S+) \(0x", run("ldd", binary))
    for path in [binary, *needed]:
        target = root / ("ntc" if path == binary else path[1:])
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    (root / "state").mkdir()
    os.chown(root / "state", NOBODY, NOBODY)
    for folder in (world.folder, root):
        folder.chmod(0o755)
    return root


@once
def test_in_a_bare_root_as_nobody():
    """No /proc, /sys, /dev, /etc, bus, journal, privileges."""
    with World(cables=0) as world:
        root = bare_root(world)
        (root / "config.yaml").write_text("mock:\n  rate: 1000\npersistence:\n  path: /state/lists.json\n")
        chroot = ["chroot", f"--userspec={NOBODY}:{NOBODY}", "--groups=", str(root), "/ntc"]
        ntc = world.launch("", ["--mock", "--config", "/config.yaml"], chroot).wait_ready()
        status = pathlib.Path(f"/proc/{ntc.process.pid}/status").read_text()
        assert re.search(rf"Uid:\s+{NOBODY}\s+{NOBODY}", status), status
        assert re.search(r"CapEff:\s+0+\n", status), status
        assert os.readlink(f"/proc/{ntc.process.pid}/root") == str(root)
        expect(lambda: ntc.packets() > 0, True)
        ntc.add("blacklist", "203.0.113.7", ttl=3600, comment="in a container")
        with Audience() as audience:
            viewer = audience.add(world, ntc)
            expect(lambda: b'"DROP"' in viewer.received, True)
        # Its own user may write as well.
        out = world.host.run("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "curl", "-sS",
                             "-X", "DELETE", f"http://localhost:{ntc.port}/blacklist?ip=203.0.113.7")
        assert '"ok":true' in out, out
        ntc.add("whitelist", "192.0.2.1")
        assert ntc.request("GET", "/").status in (200, 404)
        for path in ("/status", "/flows", "/talkers", "/metrics"):
            assert ntc.request("GET", path).status == 200, path
        text = ntc.log_path.read_text()
        assert "192.0.2.1 added to the whitelist" in text, text
        ntc.signal(signal.SIGHUP)
        expect(lambda: "reloaded" in ntc.log_path.read_text(), True)
        ntc.stop()
        assert "192.0.2.1" in (root / "state/lists.json").read_text()
