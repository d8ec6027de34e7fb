# SPDX-License-Identifier: MIT
"""The history of alerts, as the installed service reads it: as its own user, out of its sandbox."""
from machine import Machine
from waiting import expect

SCANNER, SECOND, HOST = "10.77.0.2", "10.77.0.3", "10.77.0.1"


def scan(m, source):
    m.peer.run("nmap", "-n", "-Pn", "-sS", "-S", source, "-e", "eth0", HOST)


def page(m, query=""):
    answer = m.ntc.request("GET", f"/alerts{query}")
    assert answer.status == 200, answer.text
    return answer.json


def test_alerts_outlive_restart_and_reboot():
    with Machine() as m:
        m.start_ntc()
        scan(m, SCANNER)
        expect(lambda: page(m)["count"], 1)
        before = page(m)
        assert before["source"] == "journal" and before["alerts"][0]["ip"] == SCANNER, before
        m.systemctl("restart", "ntc.service")
        assert page(m) == before
        assert f"{SCANNER} scans the ports of {HOST}" in m.run("journalctl", "-x", "NTC_EVENT=port-scan")
        m.power_off()
        m.boot()
        m.start_ntc()
        assert page(m) == before
        scan(m, SECOND)
        expect(lambda: page(m)["count"], 2)
        assert page(m, f"?ip={SCANNER}") == before
        assert page(m, f"?until={before['alerts'][0]['time']}") == before
        # Who may not read the journal says that it doesn't.
        m.drop_in("ntc.service", "[Service]\nSupplementaryGroups=\n")
        m.systemctl("restart", "ntc.service")
        assert (page(m)["source"], page(m)["count"]) == ("memory", 0), page(m)
