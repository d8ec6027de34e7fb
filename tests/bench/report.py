# SPDX-License-Identifier: MIT
"""Results as Markdown: what was to be reached, and what was measured."""


def share(x):
    return f"{x * 100:.1f} %"


def between(text, low_and_high):
    """Of a median that varies from turn to turn: between what it lies."""
    return " ({} to {})".format(*map(text, low_and_high))


class Targets:
    def __init__(self):
        self.lines = ["| what | to be reached | measured | |", "|---|--:|--:|:-:|"]

    def add(self, what, wanted, measured, reached):
        self.lines.append(f"| {what} | {wanted} | {measured} | {'yes' if reached else '**no**'} |")

    def below(self, what, limit, value, text=str):
        self.add(what, f"<= {text(limit)}", text(value), value <= limit)

    def above(self, what, limit, value, text=str):
        self.add(what, f">= {text(limit)}", text(value), value >= limit)


def ns(x):
    return f"{x:.1f}"


def two(x):
    return f"{x:.2f}"


def packet_table(result):
    yield (f"\n### Per packet\n\nns, net of an empty program; {result['entries']:,} entries in each list; "
           f"median of the quiet quarter of {result['rounds']} interleaved rounds\n")
    yield "| packet | usual design | ntc | ntc/usual |\n|---|--:|--:|--:|"
    for case in result["cases"]:
        yield f"| {case.get('label', case['name'])} | {ns(case['usual'])} | {ns(case['ntc'])} | {two(case['ratio'])} |"


def others_table(rows):
    yield "\n### Beside others\n\n| tool | accounts flows | packets seen | CPU, s per million packets | throughput left |"
    yield "|---|:-:|--:|--:|--:|"
    for row in rows:
        yield (f"| {row['name']} | {'yes' if row['accounts'] else ''} | "
               f"{share(row['seen']) if row['name'] != 'nothing' else ''} | {row['cpu_per_mpacket']:.3f} | "
               f"{share(row['left'])} |")


def viewers_table(result):
    yield "\n### Viewers of /events\n\n| viewers | events/s each | of them lost any | CPU of ntc, of a core |"
    yield "|--:|--:|--:|--:|"
    for row in result["viewers"]:
        yield f"| {row['clients']} | {row['events_per_client']:.0f} | {row['losing']} | {share(row['cpu'])} |"


def sizes_table(rows):
    yield "\n### By size of the lists\n\nns, net of an empty program\n"
    yield "| entries | established flow | judged anew (new flow, full map) | usual design |\n|--:|--:|--:|--:|"
    for row in rows:
        yield (f"| {row['entries']:,} | {ns(row['established_ns'])} | {ns(row['judged_ns'])} | "
               f"{ns(row['usual_ns'])} |")


def packet_by_flows_table(rows):
    yield "\n### By number of flows\n\nns, net of an empty program; established, each packet of another flow than the last\n"
    yield "| flows | usual design | ntc |\n|--:|--:|--:|"
    for row in rows:
        yield f"| {row['flows']:,} | {ns(row['usual_ns'])} | {ns(row['ntc_ns'])} |"


def in_place_table(rows):
    yield "\n### Where packets come from the stack\n\nns a run, by the kernel's clock, which is read for it\n"
    yield "| load | an empty program | ntc |\n|---|--:|--:|"
    for row in rows:
        yield f"| {row['load']} | {row['empty_ns']:.0f} | {row['ntc_ns']:.0f} |"


def by_flows_table(rows):
    yield "\n### Flood by number of flows\n\n| flows | throughput left | user space, of a core |\n|--:|--:|--:|"
    for row in rows:
        yield f"| {row['flows']:,} | {share(row['left'])} | {share(row['user_space'])} |"


def flood_targets(t, rows):
    passes = next(row["lost"] for row in rows if row["name"] == "4096_flows")
    limits = {"4096_flows": 0.15, "4096_flows_dropped": passes,  # a drop costs no more than a pass
              "random_sources": 0.35, "4096_flows_on_all_CPUs": 0.15}
    for row in rows:
        what = row["name"].replace("_", " ")
        if row["name"] not in limits:
            t.lines.append(f"| of it an {what} on the hook | | {share(row['lost'])}{between(share, row['lost_between'])} | |")
            continue
        lost, limit = row["lost"], limits[row["name"]]
        t.add(f"flood, {what}: throughput lost", "<= that of passing ones" if row["name"].endswith("_dropped")
              else f"<= {share(limit)}", share(lost) + between(share, row["lost_between"]), lost <= limit)
        t.below(f"flood, {what}: user space, of a core", 0.10, row["user_space"], share)
        t.above(f"flood, {what}: packets counted", 1, row["seen"], share)


def stream_targets(t, rows):
    for row in rows:
        what = "1 stream" if row["streams"] == 1 else f"{row['streams']} streams"
        t.add(f"iperf3, {what}, ntc on both ends: throughput left", ">= 0.97",
              two(row["left"]) + between(two, row["left_between"]), row["left"] >= 0.97)
        t.lines.append(f"| of two cables without ntc, in turns with it | | "
                       f"{two(row['same'])}{between(two, row['same_between'])} | |")


def daemon_targets(t, d):
    t.below("1 Mpps, 4,096 flows, nobody watches: CPU", 0.03, d["cpu_1mpps"], share)
    t.below("the same with one viewer", 0.08, d["cpu_1mpps_watched"], share)
    t.below("idle: wake-ups a second", 2, d["idle_wakeups"], ns)
    t.below("idle: CPU", 0.005, d["idle_cpu"], share)
    t.below("idle: RSS, MiB", 16, d["idle_rss_mib"], ns)
    t.below(f"{d['full_flows']:,} flows, 16,384 addresses: RSS, MiB", 48, d["full_rss_mib"], ns)
    t.below(f"{d['full_flows']:,} flows: a scan's longest step (median of ten), ms", 10, d["scan_longest_step_ms"], two)
    t.lines.append(f"| a whole scan of them, in steps: ms | | {ns(d['scan_ms'])} | |")
    t.below("exec to READY=1: CPU time, ms", 100, d["start_cpu_ms"], ns)
    t.below(f"{d['full_flows']:,} flows: /metrics p99, ms", 5, d["metrics_ms_p99"], two)
    t.below(f"{d['full_flows']:,} flows: CPU time of a /metrics and its share of the scans, ms", 5, d["metrics_cpu_ms"], two)


def http_targets(t, h):
    best = max((row["clients"] for row in h["viewers"]
                if row["losing"] == 0 and row["events_per_client"] >= 2000), default=0)
    t.above("viewers at 2,000 events/s each without loss", 200, best)
    t.above("small requests a second", 50000, h["requests_per_second"], lambda x: f"{x:,.0f}")
    if "floor_per_second" in h:
        t.lines.append(f"| of libmicrohttpd alone, in turns with it | | {h['floor_per_second']:,.0f} | |")
        t.lines.append(f"| CPU time of one, µs (of libmicrohttpd alone) | | {two(h['request_cpu_us'])} ({two(h['floor_cpu_us'])}) | |")


def targets(r):
    t = Targets()
    if "packet" in r:
        limits = {"tcp4": 0.33, "tcp6": 0.4, "tcp4_egress": 0.33, "tcp6_egress": 0.4, "udp4": 0.4, "vlan": 0.4}
        for case in r["packet"]["cases"]:
            if case["name"] in limits:
                t.below(f"{case.get('label', case['name'])}: ntc/usual", limits[case["name"]], case["ratio"], two)
    if "floods" in r:
        flood_targets(t, r["floods"])
    if "throughput" in r:
        stream_targets(t, r["throughput"])
    if "daemon" in r:
        daemon_targets(t, r["daemon"])
    if "http" in r:
        http_targets(t, r["http"])
    if "lists" in r:
        t.below("65,000 entries loaded: CPU time, ms", 300, r["lists"]["load_cpu_ms"], ns)
        t.below("an edit: the loop's CPU time, ms", 1, r["lists"]["edit_loop_ms"], two)
    return t.lines


def markdown(r):
    lines = [f"Linux {r.get('kernel')}, {r.get('cpus')} CPUs, {r.get('cpu')}\n", *targets(r)]
    if "packet" in r:
        lines += packet_table(r["packet"])
    tables = {"lists_by_size": sizes_table, "packet_by_flows": packet_by_flows_table,
              "in_place": in_place_table, "by_flows": by_flows_table,
              "http": viewers_table, "others": others_table}
    for name, table in tables.items():
        if name in r:
            lines += table(r[name])
    return "\n".join(lines) + "\n"
