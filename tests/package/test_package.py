# SPDX-License-Identifier: MIT
"""The package on a minimal Debian: installed, used, upgraded under traffic, removed, purged."""
import contextlib
import json
import pathlib
import time

from debian import DebianMachine, ROOT, later_package, package
from machine import expect
from stream import FOE, FRIEND, HOST, Stream, dropped

FEED = "/etc/ntc/blacklist.d/mine.list"


@contextlib.contextmanager
def installed():
    with DebianMachine() as m:
        m.install_package(package())
        expect(lambda: m.ntc.request("GET", "/healthz").status, 200)
        yield m


def active(m, unit="ntc.service"):
    return m.run("systemctl", "is-active", unit, check=False).strip()


def version(m):
    return m.ntc.request("GET", "/status").json["version"]


def failed_units(m):
    return m.run("systemctl", "--failed", "--no-legend", "--plain")


def block(m, address):
    m.run("ntcctl", "block", address)
    assert address in m.ntc.entries("blacklist")


def test_installs_and_blocks():
    with installed() as m:
        assert active(m) == "active" and active(m, "ntc.socket") == "active"
        assert m.show("ntc.service", "User") == "ntc"
        assert m.show("ntc.service", "NRestarts") == "0", "did not come up at the first try"
        assert m.run("systemctl", "is-enabled", "ntc.service", "ntc.socket") == "enabled\nenabled\n"
        assert failed_units(m) == "", failed_units(m)
        assert "eth0" in m.run("ntcctl", "status")
        assert "/assets/" in m.ntc.request("GET", "/").text, "no web UI"
        json.loads(m.run("ntcctl", "status", "--json"))
        assert "ntc has started" in m.run("journalctl", "-t", "ntc", "--catalog", "--no-pager")
        assert m.udp(m.peer, FOE, m.host, HOST)
        block(m, FOE)
        assert not m.udp(m.peer, FOE, m.host, HOST) and not m.ping(m.peer, FOE, HOST)
        assert m.udp(m.peer, FRIEND, m.host, HOST)
        m.power_off()
        m.boot()
        expect(lambda: m.ntc.request("GET", "/healthz").status, 200)
        assert not m.udp(m.peer, FOE, m.host, HOST), "not in force after a reboot"
        m.run("ntcctl", "unblock", FOE)
        assert m.udp(m.peer, FOE, m.host, HOST)


def test_smoke_test_of_the_package():
    with installed() as m:
        m.apt("install", "curl")
        m.write("/root/smoke", (ROOT / "debian/tests/smoke").read_text(), 0o755)
        assert m.run("/root/smoke") == "smoke: good\n"
        # And it can fail.
        m.systemctl("stop", "ntc.service")
        assert m.attempt("/root/smoke").returncode != 0


def test_upgrade_under_traffic():
    with installed() as m, Stream(m) as stream:
        expect(lambda: stream.leaked() > 0, True)
        block(m, FOE)
        m.write(FEED, "203.0.113.0/24\n")
        m.write("/etc/ntc/config.yaml", m.read("/etc/ntc/config.yaml") + "# mine\n")
        expect(lambda: "203.0.113.0/24" in m.ntc.entries("blacklist"), True)
        time.sleep(0.2)
        stream.leaked()
        for path, wanted in ((later_package(m.folder), "9.9.9"), (package(), version(m))):
            before, pid = dropped(m.ntc), m.ntc_pid()
            m.install_package(path, "--allow-downgrades")
            expect(lambda: version(m), wanted)
            assert active(m) == "active" and m.ntc_pid() != pid
            expect(lambda: dropped(m.ntc) > before, True)
            assert stream.leaked() == 0
            expect(lambda: {FOE, "203.0.113.0/24"} <= set(m.ntc.entries("blacklist")), True)
            assert m.read("/etc/ntc/config.yaml").endswith("# mine\n")
        m.apt("install", "--reinstall", f"/root/{package().name}")
        stream.stop()
        assert stream.leaked() == 0
        expect(lambda: m.ntc.entries("blacklist")[FOE]["packets"] - dropped(m.ntc), 0)
        assert m.ntc.metrics().sum("ntc_accounting_drift_packets") == 0


def test_stopped_stays_stopped_over_an_upgrade():
    with installed() as m:
        m.systemctl("stop", "ntc.service")
        m.install_package(later_package(m.folder))
        assert active(m) == "inactive" and active(m, "ntc.socket") == "inactive"
        m.systemctl("start", "ntc.service")
        assert version(m) == "9.9.9"


def traces(m):
    """Whatever bears its name."""
    found = m.run("find", "/", "-xdev", "(", "-path", "/proc", "-o", "-path", "/sys", "-o", "-path", "/root", "-o",
                  "-path", "/var/log", "-o", "-path", "/var/cache/apt", ")", "-prune", "-o", "-regex",
                  r".*[^a-z]\(org\.\)?ntc\(ctl\)?\([^a-z].*\)?", "-print")
    return sorted(found.splitlines())


def test_remove_and_purge():
    with installed() as m:
        block(m, FOE)
        m.write("/etc/credstore/ntc.token", "0123456789abcdef\n", 0o600)
        assert len(traces(m)) > 20
        m.apt("remove", "ntc")
        assert active(m) == "inactive" and m.udp(m.peer, FOE, m.host, HOST), "still blocks"
        assert FOE in m.read("/var/lib/ntc/data/lists.json"), "the lists went with the program"
        m.install_package(package())
        expect(lambda: FOE in m.ntc.entries("blacklist"), True)
        assert not m.udp(m.peer, FOE, m.host, HOST), "removed and installed again: forgot the lists"
        m.apt("purge", "ntc")
        assert m.udp(m.peer, FOE, m.host, HOST)
        assert traces(m) == []
        assert failed_units(m) == "", failed_units(m)
        assert "ntc" not in m.run("systemctl", "list-unit-files", "--no-legend")
        m.install_package(package())
        expect(lambda: m.ntc.request("GET", "/healthz").status, 200)
        assert m.ntc.entries("blacklist") == {}, "purged, but not the lists"


def test_what_others_put_into_its_folders_stays():
    with installed() as m:
        m.write(FEED, "203.0.113.0/24\n")
        m.apt("purge", "ntc")
        assert [path for path in traces(m) if not pathlib.Path(m.root / path[1:]).is_dir()] == [FEED]
