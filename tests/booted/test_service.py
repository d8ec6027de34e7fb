# SPDX-License-Identifier: MIT
"""ntc as a service of systemd."""
from machine import Machine

FOE = "203.0.113.7"


def test_installed_and_started():
    with Machine() as m:
        ntc = m.start_ntc()
        assert m.run("ps", "-o", "user=", "-p", m.show("ntc.service", "MainPID")).strip() == "ntc"
        ntc.add("blacklist", FOE)
        assert FOE in m.read("/var/lib/ntc/data/lists.json")
        assert m.run("curl", "-s", "http://localhost:8086/healthz", user="stranger")
        assert m.run("id", "-un", user="member") == "member\n"
