# SPDX-License-Identifier: MIT
"""GET /alerts out of a real journald: over a restart, by time and address; volatile; none at all."""
import os
import time

from marks import once
from private_journal import PrivateJournal
from test_detect import HOST, alerts, nmap
from waiting import expect
from world import World

FIRST, SECOND = "10.77.0.2", "10.77.0.3"


def launch(world, journal, config=None):
    return world.launch(config, program=journal.enter(os.environ["NTC_BINARY"])).wait_ready()


def source(ntc):
    return ntc.request("GET", "/alerts").json["source"]


def two_scans(world, ntc):
    """Returns the time between them."""
    nmap(world, "-sS", source=FIRST)
    expect(lambda: len(alerts(ntc)), 1)
    time.sleep(0.1)
    between = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{time.time_ns() // 1_000_000 % 1000:03}Z"
    nmap(world, "-sS", source=SECOND)
    expect(lambda: len(alerts(ntc)), 2)
    return between


def test_alerts_outlive_the_daemon():
    with World() as world, PrivateJournal(world) as journal:
        ntc = launch(world, journal, world.config())
        between = two_scans(world, ntc)
        before = alerts(ntc)
        journal.flush()
        assert source(ntc) == "journal"
        assert [alert["ip"] for alert in before] == [SECOND, FIRST]
        ntc.kill()
        ntc = launch(world, journal)
        assert alerts(ntc) == before and source(ntc) == "journal"
        assert alerts(ntc, f"?since={between}") == before[:1]
        assert alerts(ntc, f"?until={between}") == before[1:]
        assert alerts(ntc, f"?ip={FIRST}") == before[1:]
        assert alerts(ntc, "?ip=10.77.0.2%2F31") == before
        assert alerts(ntc, "?kind=port-scan") == before and alerts(ntc, "?kind=volume") == []
        page = ntc.request("GET", "/alerts?limit=1").json
        assert page["truncated"] and page["alerts"] == before[:1], page
        # A third one is there at once, once, and in front of those of the process before.
        nmap(world, "-sS", source="10.77.0.4")
        expect(lambda: len(alerts(ntc)), 3)
        journal.flush()
        assert alerts(ntc)[1:] == before


@once
def test_entries_have_id_and_fields():
    with World() as world, PrivateJournal(world) as journal:
        ntc = launch(world, journal, world.config())
        nmap(world, "-sS", source=FIRST)
        expect(lambda: len(alerts(ntc)), 1)
        journal.flush()
        [alert], [entry] = alerts(ntc), journal.entries("SYSLOG_IDENTIFIER=ntc", "NTC_EVENT=port-scan")
        assert len(entry["MESSAGE_ID"]) == 32 and entry["PRIORITY"] == "4", entry
        wanted = {"MESSAGE": alert["message"], "NTC_ADDRESS": FIRST, "NTC_SRC": FIRST, "NTC_TARGET": HOST,
                  "NTC_INTERFACE": "eth0", "NTC_PORTS": str(alert["ports"]), "NTC_HOSTS": "1",
                  "NTC_PACKETS": str(alert["packets"]), "NTC_TIME": alert["time"]}
        assert {name: entry[name] for name in wanted} == wanted, entry


@once
def test_forged_entries_are_not_believed():
    with World() as world, PrivateJournal(world) as journal:
        ntc = launch(world, journal, world.config())
        nmap(world, "-sS", source=FIRST)
        expect(lambda: len(alerts(ntc)), 1)
        journal.flush()
        [entry] = journal.entries("NTC_EVENT=port-scan")
        entry = {name: value for name, value in entry.items() if not name.startswith("_") and name != "NTC_ALERT"}
        for user, address in (("root", "10.9.9.1"), ("nobody", "10.9.9.2")):
            fields = "".join(f"{name}={value}\n" for name, value in entry.items()).replace(FIRST, address)
            journal.log(fields, user)
        # What root writes is believed, not trusted to be well-formed.
        for name, value in (("NTC_PORTS", "-1"), ("NTC_TIME", "now"), ("NTC_ADDRESS", "me"), ("NTC_EVENT", "scan"),
                            ("NTC_TARGET", "x" * 200), ("NTC_INTERFACE", "e\x1b[31m"), ("MESSAGE", "")):
            bad = {**entry, "NTC_TARGET": "10.9.9.3", name: value}
            journal.log("".join(f"{field}={text}\n" for field, text in bad.items()), "root")
        journal.flush()
        assert len(journal.entries("NTC_ADDRESS=10.9.9.2")) == 1, "the forgery got there"
        assert len(alerts(ntc, "?ip=10.9.9.1")) == 1, "root may"
        assert alerts(ntc, "?ip=10.9.9.2") == []
        assert len(alerts(ntc)) == 3, alerts(ntc)


@once
def test_a_volatile_journal_is_said():
    with World() as world, PrivateJournal(world, persistent=False) as journal:
        ntc = launch(world, journal, world.config())
        nmap(world, "-sS", source=FIRST)
        expect(lambda: len(alerts(ntc)), 1)
        journal.flush()
        before = alerts(ntc)
        assert source(ntc) == "volatile-journal"
        ntc.stop()
        ntc = launch(world, journal)
        assert alerts(ntc) == before and source(ntc) == "volatile-journal"


@once
def test_without_a_journal_memory_answers():
    with World() as world, PrivateJournal(world) as journal:
        journal.stop()
        ntc = launch(world, journal, world.config())
        nmap(world, "-sS", source=FIRST)
        expect(lambda: len(alerts(ntc)), 1)
        assert source(ntc) == "memory"
        ntc.stop()
        ntc = launch(world, journal)
        assert alerts(ntc) == [] and source(ntc) == "memory"
