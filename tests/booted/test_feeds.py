# SPDX-License-Identifier: MIT
"""Feeds of the installed service: fetched by the example's timer unit, and pushed as the other example does."""
import os
import pathlib
import stat
import subprocess

from machine import Machine
from waiting import expect

SOURCE = pathlib.Path(__file__).parents[2]
EXAMPLES = SOURCE / "docs/examples"
FOE, HOST = "10.77.0.3", "10.77.0.1"


def feed_of(m):
    return {ip: entry["origin"] for ip, entry in m.ntc.entries("blacklist").items() if entry["by"] == "feed"}


def test_fetched_by_the_timers_unit():
    with Machine() as m:
        for unit in ("ntc-feed@.service", "ntc-feed@.timer"):
            m.write(f"/etc/systemd/system/{unit}", (EXAMPLES / unit).read_text())
        m.run("mkdir", "-p", "/etc/ntc/feeds", "/etc/ntc/blacklist.d")
        m.write("/etc/ntc/feeds/drop.conf", "URL=file:///srv/published.txt\n")
        m.write("/srv/published.txt", f"; a feed\n{FOE} ; SBL1\n")
        m.systemctl("daemon-reload")
        m.start_ntc()
        m.systemctl("start", "ntc-feed@drop.service")
        expect(lambda: feed_of(m), {FOE: "drop.list"}, 15)
        assert not m.udp(m.peer, FOE, m.host, HOST), "in force"
        # A download that fails, or brings nothing, changes nothing.
        m.write("/srv/published.txt", "")
        assert m.attempt("systemctl", "start", "ntc-feed@drop.service").returncode != 0
        m.run("rm", "/srv/published.txt")
        assert m.attempt("systemctl", "start", "ntc-feed@drop.service").returncode != 0
        assert feed_of(m) == {FOE: "drop.list"}
        m.write("/srv/published.txt", "198.51.100.0/24\n")
        m.systemctl("start", "ntc-feed@drop.service")
        expect(lambda: feed_of(m), {"198.51.100.0/24": "drop.list"})
        assert m.udp(m.peer, FOE, m.host, HOST), "taken back"
        assert "Persistent" in m.run("systemctl", "cat", "ntc-feed@drop.timer")
        m.systemctl("start", "ntc-feed@drop.timer")


def test_pushed_to_a_fleet():
    """ssh(1) is played by a script that runs the command in the machine, or fails for one that is away."""
    with Machine() as m:
        m.run("mkdir", "-p", "/etc/ntc/blacklist.d")
        m.start_ntc()
        ssh = m.folder / "ssh"
        inside = m.folder / "inside"
        inside.mkdir()
        (m.folder / "fleet.list").write_text(f"{FOE}\n198.51.100.0/24 # of the fleet\n")
        ssh.write_text(f"""#!/bin/sh
shift
[ "$1" = away ] && exit 255
cat >{inside}/stdin
printf '%s' "$2" | sed 's/^sudo //' >{inside}/command
""")
        ssh.chmod(ssh.stat().st_mode | stat.S_IXUSR)
        done = subprocess.run([EXAMPLES / "push-list.sh", m.folder / "fleet.list", "pi1", "away"], text=True,
                              capture_output=True, env={**os.environ, "PATH": f"{m.folder}:{os.environ['PATH']}"})
        assert done.returncode == 1 and "pi1: ok" in done.stdout and "away: failed" in done.stderr, done
        m.run("sh", "-c", (inside / "command").read_text(), input=(inside / "stdin").read_text())
        expect(lambda: feed_of(m), {FOE: "fleet.list", "198.51.100.0/24": "fleet.list"}, 15)
