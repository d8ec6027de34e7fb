# SPDX-License-Identifier: MIT
"""docs/dbus.md: a line of busctl for all there is, and each does as printed what the text says."""
import re
import subprocess
import time
import xml.etree.ElementTree as xml

from private_bus import SOURCE, PrivateBus
from process import die_with_parent
from test_bus import LOG_CONTROL, introspect
from waiting import expect
from world import World

TEXT = (SOURCE / "docs/dbus.md").read_text()
LINES = [line for block in re.findall(r"^```sh\n(.*?)^```", TEXT, re.M | re.S) for line in block.splitlines()]


def test_there_is_a_line_for_everything():
    for path in (SOURCE / "dbus").glob("*.xml"):
        for interface in xml.parse(path).getroot().findall("interface"):
            for member in interface:
                name, what = interface.get("name"), member.get("name")
                wanted = {"method": rf"busctl call .*{name} {what}\b",
                          "property": rf"busctl get-property .*{name} {what}\b",
                          "signal": f"busctl monitor .*interface='{name}',member='{what}'"}.get(member.tag)
                assert not wanted or any(re.search(wanted, line) for line in LINES), (name, what)


def test_every_line_does_as_printed():
    with World(cables=0) as world, PrivateBus(world) as bus:
        bus.start("mock:\n  rate: 500\n")
        expect(lambda: bus.connect().get("org.ntc.Manager", "ActiveFlows") > 0, True)
        ran = 0
        for line in LINES:
            if line.startswith("busctl"):
                command, _, wanted = line.partition("  # ")
                done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=20)
                assert done.returncode == 0, (line, done.stderr)
                assert not wanted or done.stdout.strip() == wanted.strip(), (line, done.stdout)
                ran += 1
        assert ran > 30, ran
        assert set(introspect(bus.connect(), LOG_CONTROL[0])[LOG_CONTROL[1]]) <= set(re.findall(r"\w+", TEXT))


class Monitor:
    """A `busctl monitor` line, once it listens."""

    def __init__(self, world, number, line):
        self.line, self.path = line, world.folder / f"monitor-{number}"
        with open(self.path, "wb") as output:
            self.process = subprocess.Popen(["bash", "-c", "exec " + line.removeprefix("sudo ")], stdout=output,
                                            stderr=output, preexec_fn=die_with_parent)
        world.children.append(self.process)
        expect(lambda: "Monitoring bus message stream" in self.path.read_text(), True)

    def saw(self):
        return "Type=signal" in self.path.read_text()


def test_every_signal_is_seen_as_printed():
    lines = [line for line in LINES if "monitor" in line and "Alert" not in line]
    assert len(lines) == 7
    with World(cables=0) as world, PrivateBus(world) as bus:
        bus.start()
        monitors = [Monitor(world, number, line) for number, line in enumerate(lines)]
        time.sleep(0.2)
        assert not any(monitor.saw() for monitor in monitors)
        root = bus.connect()
        for which in ("Blacklist", "Whitelist"):
            root.ntc(which, "AddWithOptions", "sa{sv}", "203.0.113.7", {"ttl": ("t", 1)})
            root.ntc(which, "Add", "s", "203.0.113.8")
            root.ntc(which, "Remove", "s", "203.0.113.8")
        for monitor in monitors:
            expect(monitor.saw, True, 10)


def test_every_error_is_described():
    source = (SOURCE / "src/bus/list-object.c").read_text()
    ours = {f"org.ntc.Error.{name}" for name in re.findall(r'ERROR_PREFIX "(\w+)"', source)}
    assert ours and all(f"| `{name}` |" in TEXT for name in ours), ours
