# SPDX-License-Identifier: MIT
"""ntc beside what people use to see or stop traffic: same flood, same cable, in turns."""
import json
import re
import signal
import subprocess
import time

from lab import cable, config, cpu_ns, flood, median, say
from process import run


class Tool:
    """Something that watches eth0 of the host. start(); seen() after stop()."""
    accounts = True  # by flow, as ntc does
    child = None

    def __init__(self, world):
        self.world = world

    def spawn(self, *command):
        self.child = self.world.host.popen(*command, stdout=subprocess.DEVNULL, stderr=open(
            self.world.folder / "tool.log", "wb"), cwd=self.world.folder)

    def start(self):
        pass

    def cpu(self):
        return cpu_ns(self.child.pid) if self.child else 0

    def end(self):
        if self.child:
            self.child.send_signal(signal.SIGINT)
            self.child.wait(20)

    def log(self):
        return (self.world.folder / "tool.log").read_text(errors="replace")

    def seen(self):
        return 0


class Nothing(Tool):
    accounts = False


class Ntc(Tool):
    def start(self):
        self.ntc = self.world.launch(config()).wait_ready()
        self.ntc.attached()
        self.child, self.before = self.ntc.process, self.ntc.packets(direction="INGRESS")

    def end(self):
        time.sleep(1.2)
        self.count = self.ntc.packets(direction="INGRESS") - self.before
        self.ntc.stop()

    def seen(self):
        return self.count


class Softflowd(Tool):
    def start(self):
        self.control = str(self.world.folder / "softflowd.ctl")
        self.spawn("softflowd", "-d", "-i", "eth0", "-n", "127.0.0.1:9995", "-m", "65536", "-c", self.control,
                   "-p", str(self.world.folder / "softflowd.pid"))

    def end(self):
        text = self.world.host.run("softflowctl", "-c", self.control, "statistics")
        self.count = int(re.search(r"Packets processed: (\d+)", text)[1])
        self.child.terminate()
        self.child.wait(20)

    def seen(self):
        return self.count


class Nfpcapd(Tool):
    def start(self):
        self.flows = self.world.folder / "nfpcapd"
        self.flows.mkdir(exist_ok=True)
        for old in self.flows.iterdir():
            old.unlink()
        self.spawn("nfpcapd", "-i", "eth0", "-l" if "-w flowdir" not in nfpcapd_help() else "-w", str(self.flows))

    def seen(self):
        total = 0
        for file in self.flows.glob("nfcapd.*"):
            text = run("nfdump", "-r", str(file), "-I")
            total += int(re.search(r"^Packets: (\d+)", text, re.M)[1])
        return total


def nfpcapd_help():
    result = subprocess.run(["nfpcapd", "-h"], capture_output=True, text=True)
    return result.stdout + result.stderr


class Pmacctd(Tool):
    def start(self):
        self.pipe = str(self.world.folder / "pmacct.pipe")
        self.spawn("pmacctd", "-i", "eth0", "-P", "memory", "-p", self.pipe,
                   "-c", "src_host,dst_host,src_port,dst_port,proto")

    def cpu(self):
        """With the plugin, a process of its own."""
        children = run("ps", "--ppid", str(self.child.pid), "-o", "pid=").split()
        return cpu_ns(self.child.pid) + sum(cpu_ns(int(pid)) for pid in children)

    def end(self):
        time.sleep(1.5)
        text = self.world.host.run("pmacct", "-s", "-p", self.pipe, "-O", "json")
        self.count = sum(json.loads(line)["packets"] for line in text.splitlines() if line.startswith("{"))
        self.child.send_signal(signal.SIGINT)
        self.child.wait(20)

    def seen(self):
        return self.count


class Tcpdump(Tool):
    accounts = False

    def start(self):
        self.spawn("tcpdump", "-i", "eth0", "-n", "-w", "/dev/null")

    def seen(self):
        return int(re.search(r"(\d+) packets captured", self.log())[1])


class Nft(Tool):
    """A counter and a drop rule, both on the ingress hook of the device."""
    accounts = False

    def start(self):
        self.world.host.run("nft", "add table netdev bench; add chain netdev bench in { type filter hook ingress "
                                   'device "eth0" priority 0; }; add rule netdev bench in counter; '
                                   "add rule netdev bench in ip saddr 198.18.0.0/15 drop")

    def end(self):
        text = self.world.host.run("nft", "list", "table", "netdev", "bench")
        self.count = int(re.search(r"counter packets (\d+)", text)[1])
        self.world.host.run("nft", "delete", "table", "netdev", "bench")

    def seen(self):
        return self.count


class Iptables(Tool):
    accounts = False
    rules = ([], ["-s", "198.18.0.0/15", "-j", "DROP"])  # without a target a rule counts

    def start(self):
        for rule in self.rules:
            self.world.host.run("iptables", "-t", "raw", "-A", "PREROUTING", "-i", "eth0", *rule)

    def end(self):
        text = self.world.host.run("iptables", "-t", "raw", "-L", "PREROUTING", "-v", "-x", "-n")
        self.count = int(text.splitlines()[2].split()[0])
        self.world.host.run("iptables", "-t", "raw", "-F", "PREROUTING")

    def seen(self):
        return self.count


TOOLS = {"nothing": Nothing, "ntc": Ntc, "softflowd": Softflowd, "nfpcapd": Nfpcapd, "pmacctd": Pmacctd,
         "tcpdump": Tcpdump, "nft": Nft, "iptables": Iptables}


def one(bench, world, kind, packets, rate=0):
    tool = kind(world)
    tool.start()
    time.sleep(1.0)
    cpu = tool.cpu()
    sent = flood(bench, world, packets, rate=rate)
    time.sleep(0.3)
    cpu = (tool.cpu() - cpu) / 1e9
    tool.end()
    return {"pps": sent["received"] / sent["seconds"], "cpu_per_mpacket": cpu * 1e6 / sent["received"],
            "cpu": cpu / sent["seconds"], "seen": min(1, tool.seen() / sent["received"])}


def others(bench):
    packets, found = 2_000_000, {name: [] for name in TOOLS}
    with cable() as world:
        # The frames are for this host, so that its stack, and with it iptables, sees them.
        world.host.ip("link", "set", "eth0", "address", "02:00:00:00:00:ee")
        for _ in range(3 if bench.quick else 5):
            for name, kind in TOOLS.items():
                found[name].append(one(bench, world, kind, packets))
    rows = []
    for name, runs in found.items():
        row = {"name": name, "accounts": TOOLS[name].accounts,
               **{key: median([r[key] for r in runs]) for key in runs[0]},
               "left": median([r["pps"] / base["pps"] for r, base in zip(runs, found["nothing"])])}
        say(f"{name}: sees {row['seen']:.1%}, {row['cpu']:.1%} of a core, {row['left']:.2f} of the throughput left")
        rows.append(row)
    return rows


def by_rate(bench):
    rows = []
    with cable() as world:
        for rate in (50_000, 100_000, 200_000, 400_000, 800_000, 1_600_000):
            for name in ("ntc", "softflowd", "tcpdump"):
                row = one(bench, world, TOOLS[name], rate * 3, rate)
                rows.append({"rate": rate, "name": name, "cpu": row["cpu"], "seen": row["seen"]})
    return rows
