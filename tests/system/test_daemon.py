# SPDX-License-Identifier: MIT
"""The daemon as a process: signals, configuration, scrapes."""
import shutil
import signal
import subprocess

from waiting import expect
from world import World

HOST, FOE = "10.77.0.1", "10.77.0.3"


def test_sigterm_and_sigint_are_clean_stops():
    with World() as world:
        world.start().stop()
        ntc = world.start()
        ntc.signal(signal.SIGINT)
        assert ntc.wait() == 0


def test_sigterm_under_traffic():
    with World() as world:
        ntc = world.start()
        server = world.spawn(world.host, "iperf3", "-s", "-1", stdout=subprocess.DEVNULL)
        expect(lambda: ":5201" in world.host.run("ss", "-ltn"), True)
        world.spawn(world.peer, "iperf3", "-c", HOST, "-t", "5", "-P", "4", stdout=subprocess.DEVNULL)
        expect(lambda: ntc.packets(proto="TCP") > 10_000, True, 10)
        ntc.stop()
        assert server.poll() is None


def test_sighup_takes_a_good_configuration_and_refuses_a_bad_one():
    with World() as world:
        ntc = world.start(extra="lists:\n  ssh_ports: [22]\n")
        ntc.add("blacklist", FOE)
        assert not world.tcp(world.peer, FOE, world.host, HOST, 2222)
        ntc.config_path.write_text(world.config(extra="lists:\n  ssh_ports: [2222]\n"))
        ntc.signal(signal.SIGHUP)
        expect(lambda: world.tcp(world.peer, FOE, world.host, HOST, 2222), True)
        assert not world.tcp(world.peer, FOE, world.host, HOST, 22)
        for bad in ("lists:\n  ssh_ports: [70000]\n", "nonsense: 1\n", "lists: [\n"):
            ntc.config_path.write_text(world.config(extra=bad))
            ntc.signal(signal.SIGHUP)
            assert world.tcp(world.peer, FOE, world.host, HOST, 2222), bad
            assert not world.tcp(world.peer, FOE, world.host, HOST, 22)
            assert ntc.running()
        ntc.config_path.write_text(world.config(extra="lists:\n  ssh_ports: [22]\n"))
        ntc.signal(signal.SIGHUP)
        expect(lambda: world.tcp(world.peer, FOE, world.host, HOST, 22), True)


def test_a_refused_configuration_leaves_no_trace():
    with World() as world:
        tokens = [world.folder / name for name in ("old.token", "new.token")]
        for token in tokens:
            token.write_text(f"0123456789-of-{token.name}")
            token.chmod(0o600)

        def config(token, extra=""):
            return world.config(extra=extra).replace("server:\n", f"server:\n  token_file: {token}\n", 1)

        def write_with(token):
            headers = {"Authorization": f"Bearer {token.read_text()}", "X-Forwarded-For": "192.0.2.1"}
            return ntc.request("POST", "/blacklist", {"ip": "203.0.113.7"}, headers).status

        ntc = world.launch(config(tokens[0])).wait_ready()
        assert (write_with(tokens[0]), write_with(tokens[1])) == (200, 401)
        # The old one's file would not be taken any more: what was refused can't be undone with its help.
        tokens[0].chmod(0o644)
        for _ in range(3):
            refused = ntc.log_path.read_text().count("Configuration refused")
            ntc.config_path.write_text(config(tokens[1], "lists:\n  capacity: 2048\n"))
            ntc.signal(signal.SIGHUP)
            expect(lambda: ntc.log_path.read_text().count("Configuration refused"), refused + 1)
            assert (write_with(tokens[0]), write_with(tokens[1])) == (200, 401)


def test_a_reload_is_in_force_or_says_what_waits():
    with World() as world:
        ntc = world.start()
        log = ntc.log_path.read_text
        flows = some_flow(world, ntc)
        expect(flows, [1])
        ntc.config_path.write_text(world.config(extra="  other_idle_sec: 1\n"))
        ntc.signal(signal.SIGHUP)
        expect(flows, [])
        assert "Configuration reloaded (NTC_EVENT" in log()
        ntc.config_path.write_text(
            world.config(extra="  capacity: 100\nlists:\n  ssh_ports: [2222]\n").replace("port: 8086", "port: 8087"))
        ntc.signal(signal.SIGHUP)
        expect(lambda: "reloaded, but a restart is needed for server.port, flows.capacity (NTC_EVENT" in log(), True)


def some_flow(world, ntc):
    assert world.udp(world.peer, FOE, world.host, HOST, source_port=5005)
    return lambda: [flow["packets"] for flow in ntc.flows() if flow["sport"] == 5005]


def test_sigusr1_flushes_the_flows():
    with World() as world:
        ntc = world.start()
        flows = some_flow(world, ntc)
        expect(flows, [1])
        ntc.signal(signal.SIGUSR1)
        expect(flows, [])
        assert world.udp(world.peer, FOE, world.host, HOST, source_port=5005)
        expect(flows, [1])
        expect(lambda: ntc.packets(proto="UDP"), 2)
        assert ntc.metrics().sum("ntc_accounting_drift_packets") == 0


def test_http_flushes_the_flows():
    with World() as world:
        ntc = world.start()
        flows = some_flow(world, ntc)
        expect(flows, [1])
        answer = ntc.request("POST", "/flows/flush", {})
        assert answer.status == 200 and answer.json["ok"], answer.text
        expect(flows, [])


def refused(world, text, arguments=()):
    ntc = world.launch(text, arguments)
    status = ntc.wait()
    return status, ntc.log_path.read_text()


def test_bad_configuration_exits_78_and_names_the_place():
    with World() as world:
        good = world.config()
        lines = good.count("\n")
        for text, line, key in ((good + "server2:\n  port: 1\n", lines + 1, "server2"),
                                (good.replace("port: 8086", "prot: 8086"), 2, "server.prot"),
                                (good.replace("port: 8086", "port: 99999"), 2, "server.port"),
                                (good.replace("port: 8086", "port: abc"), 2, "server.port"),
                                (good + "lists:\n  capacity: 5\n", lines + 2, "lists.capacity")):
            for arguments in ((), ("--check-config",)):
                status, log = refused(world, text, arguments)
                assert status == 78, (status, text, log)
                assert f"config.yaml:{line}:" in log and key in log, (line, key, log)
        status, log = refused(world, good.replace("port: 8086", "prot: 8086"))
        assert "server.port" in log, f"names the nearest known key: {log}"
        status, log = refused(world, "server: [\n")
        assert status == 78 and "config.yaml" in log, log
        status, log = refused(world, good, ("--check-config",))
        assert status == 0, log


def test_missing_configuration_exits_78():
    with World() as world:
        status, log = refused(world, None)
        assert status == 78 and "config.yaml" in log, (status, log)


def test_no_interface_is_an_error_that_says_so():
    with World() as world:
        status, log = refused(world, world.config(interfaces=["nosuch0"]))
        assert status not in (0, 78) and "interface" in log, (status, log)


def test_port_in_use_is_an_error_that_names_it():
    with World() as world:
        with world.listen(world.host, "0.0.0.0", 8086):
            status, log = refused(world, world.config())
        assert status != 0 and "8086" in log, (status, log)


def test_command_line_beats_the_file():
    with World(cables=2) as world:
        ntc = world.launch(world.config(interfaces=["eth0"]), ("--interface", "eth1", "--port", "8087"))
        ntc.port = 8087
        ntc.wait_ready()
        assert ntc.attached(interface="eth1") == 2
        assert ntc.attached() == 2


def test_metrics_please_promtool():
    assert shutil.which("promtool"), "promtool is missing"
    with World() as world:
        ntc = world.start()
        ntc.add("blacklist", FOE)
        world.udp(world.peer, FOE, world.host, HOST)
        world.udp(world.peer, "10.77.0.2", world.host, HOST)
        assert world.tcp(world.peer, "10.77.0.2", world.host, HOST, 9000)
        expect(lambda: ntc.packets(proto="UDP") >= 2, True)
        text = ntc.metrics().text
        result = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True)
        complaints = [line for line in (result.stdout + result.stderr).splitlines()
                      if line.strip() and "ntc_ip_syn_count" not in line]
        assert complaints == [], complaints
        for name in ("ntc_packets_total", "ntc_bytes_total", "ntc_active_flows", "ntc_events_suppressed_total",
                     "ntc_events_lost_total", "ntc_flows_untracked_packets_total", "ntc_flows_capacity",
                     "ntc_accounting_drift_packets", "ntc_parse_errors_total", "ntc_list_entries",
                     "ntc_list_capacity", "ntc_list_hits_total", "ntc_attached", "ntc_http_requests_total",
                     "ntc_scan_seconds", "ntc_scan_longest_step_seconds", "ntc_build_info", "process_resident_memory_bytes"):
            ntc.metrics().sum(name)
        assert ntc.metrics().sum("ntc_list_entries", list="blacklist") == 1
        assert ntc.metrics().sum("ntc_list_hits_total", list="blacklist") == 1


def test_status_says_what_it_does():
    with World() as world:
        ntc = world.start()
        answer = ntc.request("GET", "/status")
        assert answer.status == 200 and "eth0" in answer.text and "bpf" in answer.text, answer.text


def test_mock_needs_no_kernel():
    with World() as world:
        ntc = world.start(arguments=["--mock"])
        expect(lambda: ntc.packets() > 0, True)
        ntc.add("blacklist", "203.0.113.7")
        assert "203.0.113.7" in ntc.entries("blacklist")


def test_writes_only_from_here_and_only_as_json():
    with World() as world:
        ntc = world.start()
        for headers in ({"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"}):
            answer = ntc.request("POST", "/blacklist", {"ip": FOE}, headers)
            assert answer.status == 415, (answer.status, answer.text)
        answer = ntc.request("POST", "/blacklist", {"ip": FOE}, {"Host": "evil.example.com"})
        assert answer.status == 421, (answer.status, answer.text)
        out = world.peer.run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-X", "POST", "-H",
                             "Content-Type: application/json", "-d", '{"ip":"10.77.0.4"}',
                             f"http://{HOST}:{ntc.port}/blacklist")
        assert out in ("401", "403"), out
        out = world.peer.run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}",
                             f"http://{HOST}:{ntc.port}/blacklist")
        assert out == "200", out
        assert ntc.entries("blacklist") == {}
