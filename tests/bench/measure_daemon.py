# SPDX-License-Identifier: MIT
"""What the daemon costs: idle, under load, with all tables full; start, lists and edits."""
import time

from client import Connection
from lab import Ready, cable, config, cpu_ns, flood, make_lists, median, percentile, rss_mib, say, wakeups
from viewer import Viewer


def load_of(ntc, seconds, work=None):
    """CPU as a share of a core, and wake-ups a second, over so long (or as long as work() takes)."""
    pid = ntc.process.pid
    began, cpu, woken = time.monotonic(), cpu_ns(pid), wakeups(pid)
    if work:
        work()
    else:
        time.sleep(seconds)
    took = time.monotonic() - began
    return (cpu_ns(pid) - cpu) / 1e9 / took, (wakeups(pid) - woken) / took


def watch(ntc, world):
    """A viewer that reads in a process of its own."""
    viewer = Viewer(world.host, ntc.port)

    def drain():
        while viewer.socket.recv(1 << 20):
            pass

    return world.fork(drain)


def under_load(bench, world, ntc):
    rate = 1_000_000
    work = lambda: flood(bench, world, rate * bench.seconds, rate=rate)
    flood(bench, world, 100_000)
    alone, _ = load_of(ntc, 0, work)
    watcher = watch(ntc, world)
    time.sleep(0.5)
    watched, _ = load_of(ntc, 0, work)
    world.end_child(watcher)
    say(f"1 Mpps: {alone:.1%} of a core, watched {watched:.1%}")
    return {"cpu_1mpps": alone, "cpu_1mpps_watched": watched}


def scan_times(ntc, n):
    """Of so many scans: ms of the loop in all, and ms of the longest step."""
    times = []
    for _ in range(n):
        metrics = ntc.metrics()
        times.append((metrics.sum("ntc_scan_seconds") * 1000, metrics.sum("ntc_scan_longest_step_seconds") * 1000))
        time.sleep(1)
    return times


def full(bench, world):
    """As many flows as are kept without early expiry, four fifths of the table, from as many addresses as are kept."""
    ntc = world.launch(config("flows:\n  capacity: 82000\n")).wait_ready()
    ntc.attached()
    flood(bench, world, 1_000_000, flows=65_536, sources=16_384)
    time.sleep(2.5)
    flows = ntc.metrics().sum("ntc_active_flows")
    cpu, _ = load_of(ntc, 5)
    scans = scan_times(ntc, 10)
    cpu_before = cpu_ns(ntc.process.pid)
    latencies = scrape(ntc, 400)
    scrape_cpu = (cpu_ns(ntc.process.pid) - cpu_before) / 400 / 1e6
    result = {"full_flows": flows, "full_rss_mib": rss_mib(ntc.process.pid), "full_cpu": cpu, "metrics_cpu_ms": scrape_cpu,
              "metrics_ms_p50": percentile(latencies, 50), "metrics_ms_p99": percentile(latencies, 99),
              "scan_ms": median([whole for whole, _ in scans]), "scan_longest_step_ms": median([step for _, step in scans])}
    ntc.stop()
    say(f"{flows} flows: {cpu:.1%} of a core, {result['full_rss_mib']:.1f} MiB, "
        f"/metrics p99 {result['metrics_ms_p99']:.2f} ms, a scan {result['scan_ms']:.1f} ms in steps of up to "
        f"{result['scan_longest_step_ms']:.2f} ms")
    return result


def scrape(ntc, n):
    connection = Connection(ntc.namespace, ntc.port)
    latencies = []
    for _ in range(n):
        began = time.perf_counter()
        connection.request("GET", "/metrics")
        connection.getresponse().read()
        latencies.append((time.perf_counter() - began) * 1000)
        time.sleep(0.005)
    connection.close()
    return latencies


def daemon(bench):
    with cable() as world:
        ready = Ready(world)
        starts = []
        for _ in range(bench.rounds):
            ntc, *ms = ready.launch(world, config())
            starts.append(ms)
            ntc.stop()
        ntc = world.launch(config()).wait_ready()
        time.sleep(2)
        cpu, woken = load_of(ntc, 2 * bench.seconds)
        result = {"start_ms": median([wall for wall, _ in starts]), "start_cpu_ms": median([cpu for _, cpu in starts]),
                  "idle_cpu": cpu, "idle_wakeups": woken,
                  "idle_rss_mib": rss_mib(ntc.process.pid)}
        say(f"start {result['start_ms']:.0f} ms, {result['start_cpu_ms']:.0f} of the CPU; idle {cpu:.2%}, {woken:.1f} wake-ups/s, {result['idle_rss_mib']:.1f} MiB")
        result |= under_load(bench, world, ntc)
        ntc.stop()
        return result | full(bench, world)


def edit(ntc, ip, method="POST"):
    """One edit's CPU time in the daemon's loop (its other threads write to the disk) and the answer's time."""
    loop = f"/proc/{ntc.process.pid}/task/{ntc.process.pid}/schedstat"
    cpu, began = int(open(loop, encoding="ascii").read().split()[0]), time.perf_counter()
    if method == "POST":
        ntc.add("blacklist", ip)
    else:
        ntc.remove("blacklist", ip)
    answer = time.perf_counter() - began
    return (int(open(loop, encoding="ascii").read().split()[0]) - cpu) / 1e6, answer * 1000


def lists(bench):
    """Load of a full list: the start with it against the start without, in turns."""
    with cable() as world:
        ready = Ready(world)
        extra = []
        for _ in range(bench.rounds):
            (world.folder / "lists.json").unlink(missing_ok=True)
            ntc, *without = ready.launch(world, config())
            ntc.stop()
            make_lists(world.folder, 65_000)
            ntc, *loaded = ready.launch(world, config())
            extra.append([a - b for a, b in zip(loaded, without)])
            count = ntc.request("GET", "/blacklist?limit=1").json["count"]
            assert count == 65_000, f"{count} entries were loaded"
            ntc.stop()
        ntc = world.launch(config()).wait_ready()
        edits = [edit(ntc, f"203.0.113.{i}", method) for i in range(20) for method in ("POST", "DELETE")]
        result = {"entries": 65_000, "load_ms": median([wall for wall, _ in extra]),
                  "load_cpu_ms": median([cpu for _, cpu in extra]), "rss_mib": rss_mib(ntc.process.pid),
                  "edit_loop_ms": median([loop for loop, _ in edits]),
                  "edit_answer_ms": median([answer for _, answer in edits])}
        ntc.stop()
    say(f"65,000 entries: {result['load_ms']:.0f} ms, {result['load_cpu_ms']:.0f} of the CPU; an edit {result['edit_loop_ms']:.2f} ms of the loop")
    return result
