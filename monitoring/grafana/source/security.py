# SPDX-License-Identifier: MIT
"""What is stopped, what was noticed, and the signals from which one sees it coming."""
from grafana import ANY_IS_BAD, FULLNESS, chart, dashboard, gauge, of, rate, row, stat, steps
from top_talkers import ADDRESS, MANY_PORTS, MANY_SYNS, ranking

INSTANCE = "{{instance}}"
LAST_HOUR = f"increase({of('ntc_alerts_total')}[1h])"
REFUSED = "~401|403|421|429"


def now():
    return row(
        "Now",
        stat("Scans, last hour", "Port scans and host sweeps that ntc noticed (alert NtcScan). Who: ntc's web page, "
             "or journalctl -t ntc.",
             f"sum(increase({of('ntc_alerts_total', kind='~port-scan|host-sweep')}[1h]))",
             thresholds=ANY_IS_BAD, width=4, decimals=0),
        stat("Floods, last hour", "SYN floods and unanswered volumes that ntc noticed (alert NtcFlood).",
             f"sum(increase({of('ntc_alerts_total', kind='~syn-flood|volume')}[1h]))",
             thresholds=ANY_IS_BAD, width=4, decimals=0),
        stat("Dropped", "Packets a second that the blacklist stops.", f"sum({rate('ntc_packets_total', action='DROP')})",
             "pps", width=4),
        stat("Share dropped", "Dropped packets, as part of all.",
             f"sum({rate('ntc_packets_total', action='DROP')}) / clamp_min(sum({rate('ntc_packets_total')}), 0.001)",
             "percentunit",
             steps("green", (0.1, "orange"), (0.5, "red")), 4, max=1),
        stat("Blacklist", "Entries on the blacklists of the selected instances.",
             f"sum({of('ntc_list_entries', list='blacklist')})", width=4),
        stat("Whitelist", "Entries on the whitelists of the selected instances. They beat the blacklist.",
             f"sum({of('ntc_list_entries', list='whitelist')})", width=4))


def noticed():
    return row(
        "Noticed",
        chart("Alerts by kind, last hour", "port-scan: one source tries many ports of a host. host-sweep: one port of many "
              "hosts. syn-flood: a target gets many SYNs that come to nothing. volume: one source sends many packets that "
              "nobody answers.", [(f"sum by (kind) ({LAST_HOUR})", "{{kind}}")], width=8, decimals=0),
        chart("Alerts by instance, last hour", "All kinds together.",
              [(f"sum by (instance) ({LAST_HOUR})", INSTANCE)], width=8, decimals=0),
        chart("Alerts held back, last hour", "Not told: too many within a minute. Not watched: the tables of sources and "
              "targets were full (alert NtcDetectionBlind).",
              [(f"sum(increase({of('ntc_alerts_suppressed_total')}[1h]))", "not told"),
               (f"sum(increase({of('ntc_detect_lost_total')}[1h]))", "not watched")], width=8, decimals=0))


def stopped():
    return row(
        "Stopped and let through",
        chart("Dropped by instance", "Packets a second that the blacklist stops (alert NtcDropSpike).",
              [(f"sum by (instance) ({rate('ntc_packets_total', action='DROP')})", INSTANCE)], "pps"),
        chart("Dropped by protocol and direction", "EGRESS: something here talks to a blacklisted address.",
              [(f"sum by (proto, direction) ({rate('ntc_packets_total', action='DROP')})", "{{proto}} {{direction}}")], "pps",
              stack=True),
        chart("Hits of the lists", "Packets a second whose fate an entry decided.",
              [(f"sum by (list) ({rate('ntc_list_hits_total')})", "{{list}}")], "pps", width=8),
        chart("SSH packets", "TCP to an SSH port, or from one: never filtered, so watch who knocks.",
              [(f"sum by (direction) ({rate('ntc_packets_total', action='SSH')})", "{{direction}}")], "pps",
              width=8),
        chart("List entries", "Steps are changes: who made them, journalctl -t ntc tells.",
              [(of("ntc_list_entries"), "{{list}} {{instance}}")], width=8))


def signals():
    return row(
        "Signals",
        chart("Port scan: destination ports by address", "Distinct ports to which an address sent in the last minute. "
              "From the dashed lines on it looks like a scan.",
              [(f"topk(10, {of('ntc_ip_unique_dst_ports')})", ADDRESS)], thresholds=MANY_PORTS, line=True),
        chart("SYN flood: SYN by address", "TCP packets with SYN that an address sent in the last minute. A flood from "
              "forged sources shows as many addresses and new flows instead.",
              [(f"topk(10, {of('ntc_ip_syn_count')})", ADDRESS)], thresholds=MANY_SYNS, line=True),
        ranking("Most ports", "Scanners, in their order. The address leads to the ntc that saw it.",
                "ntc_ip_unique_dst_ports", "Ports", thresholds=MANY_PORTS),
        ranking("Most SYN", "Who opens the most connections, or tries to.", "ntc_ip_syn_count", "SYN",
                thresholds=MANY_SYNS),
        chart("New flows", "Flows begun a second. A scan or a flood from forged sources raises it; the table's use follows.",
              [(f"sum by (instance) ({rate('ntc_flows_started_total')})", INSTANCE)], width=8)
        | {"gridPos": {"w": 8, "h": 11}})


def feeds():
    none = {"noValue": "no feeds"}
    return row(
        "Feeds",
        chart("Feed entries", "Entries that the file of a feed names. A sudden fall: its source sent something else.",
              [(of("ntc_feed_entries"), "{{feed}} {{instance}}")], **none),
        chart("Feed problems", "Lines of a feed's file that could not be taken, or 1 where the file can't be read; what they "
              "are, /status tells. Lines that would hit something protected count, too, and published feeds have some.",
              [(of("ntc_feed_problems"), "{{feed}} {{instance}}")], **none))


def surroundings():
    return row(
        "ntc's own door",
        chart("Refused requests", "HTTP requests refused: 401 or 403 no right to do that, 421 a wrong host name (DNS "
              "rebinding), 429 too many bad tokens.",
              [(f"sum by (code, path) ({rate('ntc_http_requests_total', code=REFUSED)}) or "
                f"sum(0 * {of('ntc_build_info')})", "{{code}} {{path}}")], "reqps"),
        chart("Judged without ports, or not at all", "addresses: not even the addresses could be read, and the packet "
              "passed unjudged. transport and fragments: the lists alone decided.",
              [(f"sum by (kind) ({rate('ntc_parse_errors_total')})", "{{kind}}"),
               (f"sum({rate('ntc_fragments_unmatched_packets_total')})", "fragments")], "pps"),
        gauge("Blacklist use", "A full list refuses further entries, also those that a feed brings.",
              f"{of('ntc_list_entries', list='blacklist')} / {of('ntc_list_capacity', list='blacklist')}",
              INSTANCE, width=24, thresholds=FULLNESS))


DASHBOARD = dashboard("ntc-security", "ntc / Security", "Scans, floods, drops, and who knocks.",
                      [now(), noticed(), stopped(), signals(), feeds(), surroundings()], "now-6h")
