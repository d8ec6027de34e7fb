# SPDX-License-Identifier: MIT
"""Who the packets are from and to. ntc exports the first ten addresses of each order, no more."""
from grafana import PLAIN, chart, dashboard, of, override, row, stat, steps, table

COLUMNS = {"ip": "Address", "instance": "Seen by"}
ADDRESS = "{{ip}} at {{instance}}"
# The web page of the ntc that saw it, where the address can be looked at and blacklisted.
TO_NTC = [{"title": "Open ntc on ${__data.fields[\"Seen by\"]}", "url": "http://${__data.fields[\"Seen by\"]}/",
           "targetBlank": True}]
MANY_PORTS = steps("text", (50, "orange"), (100, "red"))
MANY_SYNS = steps("text", (300, "orange"), (1000, "red"))


def ranking(title, description, metric, value, unit="short", thresholds=PLAIN):
    result = table(title, description, f"topk(10, {of(metric)})", COLUMNS, unit, 8, 11, thresholds, value)
    override(result, "Address", ("links", TO_NTC))
    override(result, value, ("custom.cellOptions", {"type": "color-text"}))
    return result


def now():
    return row(
        "Now",
        stat("Addresses", "Addresses seen in the last minute. Only the first ten of each order have series of their own.",
             f"sum({of('ntc_active_ips')})", width=6),
        stat("Busiest address", "Its packets a second, sent and received.",
             f"max({of('ntc_ip_packets_per_second')})", "pps", width=6),
        stat("Share of the busiest", "Its part of all packets of the instance that sees it.",
             f"max({of('ntc_ip_packets_per_second')} / on (job, instance) group_left () "
             f"({of('ntc_packets_per_second')} > 0))", "percentunit", steps("green", (0.8, "orange")), 6, max=1),
        stat("Most ports", "Distinct destination ports of the address with the most, in the last minute.",
             f"max({of('ntc_ip_unique_dst_ports')})", thresholds=MANY_PORTS, width=6),
        ranking("By packets", "Sent and received, a second, over the last minute.", "ntc_ip_packets_per_second",
                "Packets/s", "pps"),
        ranking("By destination ports", "Distinct ports that it sent to in the last minute: a scanner stands out. Exact "
                "up to 64, then within 5 %.", "ntc_ip_unique_dst_ports", "Ports", thresholds=MANY_PORTS),
        ranking("By SYN", "TCP packets with SYN that it sent in the last minute: who opens, or floods.",
                "ntc_ip_syn_count", "SYN", thresholds=MANY_SYNS))


def course():
    return row(
        "Over time",
        chart("Packets by address", "An address has a line while it is among the first ten; a gap means that others "
              "were busier.", [(f"topk(10, {of('ntc_ip_packets_per_second')})", ADDRESS)], "pps", 24),
        chart("Destination ports by address", "Distinct ports in the last minute. From the dashed line on it looks like a "
              "scan.", [(f"topk(10, {of('ntc_ip_unique_dst_ports')})", ADDRESS)], thresholds=MANY_PORTS, line=True),
        chart("SYN by address", "TCP packets with SYN in the last minute.",
              [(f"topk(10, {of('ntc_ip_syn_count')})", ADDRESS)], thresholds=MANY_SYNS, line=True),
        chart("Addresses by instance", "Addresses seen in the last minute.",
              [(of("ntc_active_ips"), "{{instance}}")]),
        chart("Share of the first ten", "Packets of the ten busiest addresses, as part of all packets. Each packet has two "
              "ends, so that 200 % is the most. Low: traffic is spread over many.",
              [(f"sum by (job, instance) ({of('ntc_ip_packets_per_second')}) / on (job, instance) "
                f"({of('ntc_packets_per_second')} > 0)", "{{instance}}")], "percentunit"))


DASHBOARD = dashboard("ntc-top-talkers", "ntc / Top Talkers", "The busiest addresses, by packets, ports and SYN.",
                      [now(), course()], "now-30m")
