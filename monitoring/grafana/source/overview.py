# SPDX-License-Identifier: MIT
"""What passes, how full ntc's tables are, what got lost, and how the daemon fares."""
from grafana import (ANY_IS_BAD, chart, dashboard, gauge, of, override, rate, row, stat,
                     steps, table)

PER_INSTANCE = "{{instance}}"
DOWN_IS_BAD = steps("red", (1, "green"))


def state():
    return row(
        "State",
        stat("Instances up", "Machines whose last scrape worked. Fewer than selected: ntc or its machine is down "
             "(alert NtcDown).", f"sum({of('up')})", thresholds=DOWN_IS_BAD),
        stat("Alerts firing", "ntc's alert rules that fire now; which ones, the alerting page of Grafana tells, or "
             "vmalert's or Prometheus' own.",
             'count(ALERTS{alertstate="firing", alertname=~"Ntc.*", instance=~"$instance"}) or vector(0)',
             thresholds=ANY_IS_BAD),
        stat("Packets", "Packets a second on the wire, both directions, over the last minute.",
             f"sum({of('ntc_packets_per_second')})", "pps"),
        stat("Bytes", "Frame bytes a second, both directions, over the last minute.",
             f"sum({of('ntc_bytes_per_second')})", "Bps"),
        stat("Dropped", "Packets a second that the blacklist stops. See the dashboard Security.",
             f"sum({rate('ntc_packets_total', action='DROP')})", "pps"),
        stat("Flows", "Flows that have not ended.", f"sum({of('ntc_active_flows')})"),
        stat("Addresses", "Addresses seen in the last minute.", f"sum({of('ntc_active_ips')})"),
        stat("Accounting drift", "Packets that the kernel counted but no flow explains, or the reverse; the worst "
             "instance. 0 is right (alert NtcAccountingDrift).", f"max({of('ntc_accounting_drift_packets')})",
             thresholds=ANY_IS_BAD))


def traffic():
    packets = "ntc_packets_total"
    return row(
        "Traffic",
        chart("Packets by fate", "PASS: on no list. DROP: blacklisted. SKIP: whitelisted. SSH: never filtered.",
              [(f"sum by (action) ({rate(packets)})", "{{action}}")], "pps", stack=True),
        chart("Packets by direction", "INGRESS: received, EGRESS: sent, as the watched interfaces see it.",
              [(f"sum by (direction) ({rate(packets)})", "{{direction}}")], "pps"),
        chart("Packets by protocol", "NONIP are ARP, LLDP and the like, which are counted but never judged.",
              [(f"sum by (proto) ({rate(packets)})", "{{proto}}")], "pps", stack=True),
        chart("Bytes by protocol", "Frame bytes, link header included.",
              [(f"sum by (proto) ({rate('ntc_bytes_total')})", "{{proto}}")], "Bps", stack=True),
        chart("Packets by instance", "Both directions, over the last minute.",
              [(of("ntc_packets_per_second"), PER_INSTANCE)], "pps"),
        chart("Bytes by instance", "Both directions, over the last minute.",
              [(of("ntc_bytes_per_second"), PER_INSTANCE)], "Bps"))


def room():
    return row(
        "Room",
        gauge("Flow table", "Use of the flow table (flows.capacity): of IPv4 or of IPv6, whichever is fuller. When it is "
              "full, packets are still judged and counted, but in no flow.",
              f"max by (instance) ({of('ntc_flows')} / {of('ntc_flows_capacity')})", PER_INSTANCE),
        gauge("Address table", "Use of the per-address statistics (stats.addresses_max).",
              f"{of('ntc_active_ips')} / {of('ntc_addresses_capacity')}", PER_INSTANCE),
        gauge("Lists", "Use of blacklist and whitelist (lists.capacity); a full list refuses entries "
              "(alert NtcListNearlyFull).", f"{of('ntc_list_entries')} / {of('ntc_list_capacity')}",
              "{{list}} {{instance}}"),
        gauge("File descriptors", "Use of the process' file descriptors.",
              f"{of('process_open_fds')} / {of('process_max_fds')}", PER_INSTANCE),
        chart("Flows begun and ended", "Ended by reason: idle (timeout), closed (FIN or RST), early (to make room: the "
              "table is too small), flush (on demand).",
              [(f"sum({rate('ntc_flows_started_total')})", "begun"),
               (f"sum by (reason) ({rate('ntc_flows_ended_total')})", "ended: {{reason}}")]),
        chart("Flows by instance", "Flows that have not ended.", [(f"sum by (instance) ({of('ntc_active_flows')})", PER_INSTANCE)]))


def losses():
    return row(
        "Losses",
        chart("Accounting losses", "All zero is right. No flow: judged and counted, but the flow table was full. "
              "Vanished: somebody else deleted entries of the kernel's map. No address: the address table was full. "
              "Not shown: no memory for a flow in the daemon.",
              [(f"sum({rate('ntc_flows_untracked_packets_total')})", "no flow, packets/s"),
               (f"sum({rate('ntc_flows_vanished_packets_total')})", "vanished, packets/s"),
               (f"sum({rate('ntc_addresses_untracked_packets_total')})", "no address, packets/s"),
               (f"sum({rate('ntc_flows_refused_total')})", "not shown, flows/s")]),
        chart("Live view", "Packets handed to the live view. Suppressed ones were over its budget, which is normal; lost "
              "ones found the ring buffer full (alert NtcEventsLost). The accounting misses none of them.",
              [(f"sum({rate('ntc_events_shown_total')})", "shown"),
               (f"sum({rate('ntc_events_suppressed_total')})", "suppressed"),
               (f"sum({rate('ntc_events_lost_total')})", "lost")], "pps"),
        chart("Unreadable packets", "addresses: IP packets without readable addresses, which pass unjudged. transport: no "
              "readable transport header, so that the lists alone decide. fragments: the first one was not seen.",
              [(f"sum by (kind) ({rate('ntc_parse_errors_total')})", "{{kind}}"),
               (f"sum({rate('ntc_fragments_unmatched_packets_total')})", "fragments")], "pps"),
        chart("Disk and journal", "Changes of the lists that wait for the disk, and in the last hour: writes of the state "
              "file that failed (alert NtcStorageFailed), journal entries that were lost (alert NtcJournalLost).",
              [(f"sum({of('ntc_list_edits_pending')})", "edits waiting"),
               (f"sum(increase({of('ntc_storage_failures_total')}[1h]))", "failed writes"),
               (f"sum(increase({of('ntc_journal_lost_total')}[1h]))", "lost journal entries"),
               (f"sum(increase({of('ntc_bus_signals_lost_total')}[1h]))", "lost D-Bus signals")]))


def attachments():
    result = table("Attachments", "Whether ntc sees the packets of an interface's direction (alert "
                   "NtcInterfaceDetached).", of("ntc_attached"),
                   {"instance": "Instance", "interface": "Interface", "direction": "Direction"},
                   thresholds=DOWN_IS_BAD, value="Attached")
    override(result, "Attached", ("custom.cellOptions", {"type": "color-text"}),
             ("mappings", [{"type": "value", "options": {"0": {"text": "no"}, "1": {"text": "yes"}}}]))
    return result


def versions():
    return table("Versions and uptime", "What runs where, and since when. Mode: bpf, or mock (synthetic traffic).",
                 f"(time() - {of('process_start_time_seconds')}) * on (job, instance) group_right () "
                 f"{of('ntc_build_info')}",
                 {"instance": "Instance", "version": "Version", "mode": "Mode"}, "s", value="Uptime")


def daemon():
    return row(
        "The daemon",
        attachments(), versions(),
        chart("CPU", "Share of one CPU that the daemon uses. The work of the kernel program counts with the packets' "
              "own.", [(rate("process_cpu_seconds_total"), PER_INSTANCE)], "percentunit", width=8),
        chart("Memory", "Resident: of the daemon; unread answers are part of it. Kernel maps: flows, lists and "
              "buffers, by the configured capacities. Virtual memory is an upper bound that says little.",
              [(f"sum by (instance) ({of('process_resident_memory_bytes')})", "resident {{instance}}"),
               (f"sum by (instance) ({of('ntc_map_memory_bytes')})", "kernel maps {{instance}}"),
               (f"sum by (instance) ({of('ntc_http_answer_bytes')})", "unread answers {{instance}}"),
               (f"sum by (instance) ({of('process_virtual_memory_bytes')})", "virtual {{instance}}")],
              "bytes", width=8),
        chart("Connections", "Open HTTP connections, clients of the live view among them, how many there may be "
              "(server.connections_max), complete requests that wait for their turn, and addresses and users that "
              "something is remembered of.",
              [(f"sum({of('ntc_http_connections')})", "HTTP"), (f"sum({of('ntc_sse_clients')})", "live view"),
               (f"sum({of('ntc_http_limit', limit='connections')})", "limit"),
               (f"sum({of('ntc_http_queue_length')})", "waiting"), (f"sum({of('ntc_http_peers')})", "peers")], width=8),
        chart("HTTP requests by route", "The route, never the path that was asked for; other is everything unknown.",
              [(f"sum by (path) ({rate('ntc_http_requests_total')})", "{{path}}")], "reqps"),
        chart("HTTP under pressure", "All zero is usual. Denied: callers that may not. Refused: no room for a connection, "
              "or too many answers that nobody reads. Cut: it kept ntc waiting, or took too long.",
              [(f"sum({rate('ntc_http_denied_total')})", "denied"),
               (f"sum by (reason) ({rate('ntc_http_connections_refused_total')})", "refused: {{reason}}"),
               (f"sum({rate('ntc_http_answers_refused_total')})", "refused: answers"),
               (f"sum by (reason) ({rate('ntc_http_connections_cut_total')})", "cut: {{reason}}")], "reqps", width=8),
        chart("HTTP at rest", "Share of time that HTTP rested since it had used up its share of the processor, and how "
              "often a second.",
              [(rate("ntc_http_rested_seconds_total"), "share " + PER_INSTANCE),
               (rate("ntc_http_rests_total"), "rests/s " + PER_INSTANCE)], width=8),
        chart("Live view: clients gone", "client: it went away. slow: it did not read and was cut off. shutdown: ntc "
              "stopped.", [(f"sum by (reason) (increase({of('ntc_sse_disconnected_total')}[$__rate_interval]))",
                            "{{reason}}")]),
        chart("Scan of the flows", "How long the loop was busy with the last one, which it does in steps, and how long "
              "everything else waited for the longest of them.",
              [(f"sum by (instance) ({of('ntc_scan_seconds')})", "whole " + PER_INSTANCE),
               (f"sum by (instance) ({of('ntc_scan_longest_step_seconds')})", "longest step " + PER_INSTANCE)], "s"))


DASHBOARD = dashboard("ntc-overview", "ntc / Overview", "Traffic, room, losses and the daemon itself.",
                      [state(), traffic(), room(), losses(), daemon()])
