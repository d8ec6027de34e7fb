# SPDX-License-Identifier: MIT
"""The arm64 package, as far as this machine can run it: emulated, on synthetic traffic."""
import shutil

from debian import package
from machine import expect, run
from world import World


def test_mock_serves_metrics_and_the_page():
    with World() as world:
        run("dpkg-deb", "-x", str(package("arm64")), str(world.folder / "arm64"))
        program = world.folder / "arm64/usr/sbin/ntc"
        assert program.read_bytes()[18:20] == b"\xb7\x00", "not of EM_AARCH64"
        # Nothing can be blacklisted later: the emulator has no sock_diag, which tells who asks.
        world.state.write_text('{"blacklist":["203.0.113.0/24"],"whitelist":[]}')
        ntc = world.launch(world.config(), ["--mock"], [shutil.which("qemu-aarch64-static"), str(program)])
        ntc.wait_ready(30)
        expect(lambda: ntc.packets() > 100, True, within=20)
        assert ntc.request("GET", "/status").json["mode"] == "mock"
        page = ntc.request("GET", "/")
        assert page.status == 200 and "<script" in page.text and "/assets/" in page.text
        expect(lambda: ntc.packets(action="DROP") > 0, True, within=20)
        ntc.stop()
