// SPDX-License-Identifier: MIT
// What ntc answers, as docs/http-api.md describes it.

export type Action = "PASS" | "DROP" | "SKIP" | "SSH";
export type Direction = "INGRESS" | "EGRESS";
export type ListName = "blacklist" | "whitelist";

export const ACTIONS: readonly Action[] = ["PASS", "DROP", "SKIP", "SSH"];

export interface PacketEvent {
  time: string;
  seq: number;
  src: string;
  dst: string;
  proto: string;
  action: Action;
  direction: Direction;
  ts: string;
  sport: number;
  dport: number;
  len: number;
  packets: number;
  flags: string;
  interface: string;
  proto_number: number;
}

export interface ListEntry {
  ip: string;
  added: string;
  by: string;
  comment: string;
  expires: string | null;
  confirm_by?: string | null;
  origin: string;
  packets: number;
  bytes: number;
}

export interface ListPage {
  list: ListName;
  count: number;
  capacity: number;
  matched: number;
  entries: ListEntry[];
}

export interface Change {
  ok: boolean;
  ip: string;
  changed: boolean;
}

export interface Addition {
  ip: string;
  ttl?: number;
  comment?: string;
  force?: boolean;
  /** Seconds until it goes again unless it is confirmed. */
  confirm?: number;
}

export interface Flow {
  src: string;
  sport: number;
  dst: string;
  dport: number;
  proto: string;
  proto_number: number;
  direction: Direction;
  interface: string;
  action: Action;
  packets: number;
  bytes: number;
  packets_per_second: number;
  bytes_per_second: number;
  flags: string;
  first_seen: string;
  last_seen: string;
}

export interface FlowPage {
  count: number;
  capacity: number;
  matched: number;
  flows: Flow[];
}

export interface Talker {
  ip: string;
  packets_per_second: number;
  bytes_per_second: number;
  packets: number;
  bytes: number;
  dropped_packets: number;
  unique_dst_ports: number;
  syn_count: number;
  ack_count: number;
  last_seen: string;
}

export interface TalkerPage {
  count: number;
  window_sec: number;
  talkers: Talker[];
}

export interface History {
  time: number[];
  packets_per_second: number[];
  bytes_per_second: number[];
  dropped_packets_per_second: number[];
}

export interface Interface {
  name: string;
  ifindex: number;
  ingress: boolean;
  egress: boolean;
  raw_ip: boolean;
  hook: string;
}

export type Counts = Record<string, number>;

export interface Status {
  version: string;
  mode: string;
  hostname: string;
  timezone: string;
  started: string;
  uptime_sec: number;
  interfaces: Interface[];
  traffic: {
    packets_per_second: number;
    bytes_per_second: number;
    packets: number;
    bytes: number;
    packets_by_action: Counts;
    bytes_by_action: Counts;
    packets_by_protocol: Counts;
    bytes_by_protocol: Counts;
    packets_by_direction: Counts;
    bytes_by_direction: Counts;
  };
  flows: { active: number; capacity: number; started: number };
  addresses: { active: number; capacity: number };
  lists: Record<ListName, { count: number; capacity: number; hits: number }>;
  losses: Counts;
  events: { clients: number; budget: number; drop_budget: number };
  map_memory_bytes: number;
}

export interface Alert {
  time: string;
  kind: string;
  ip: string;
  target: string | null;
  interface: string;
  message: string;
  ports: number;
  hosts: number;
  packets: number;
  blocked_until: string | null;
}

export interface AlertPage {
  count: number;
  source: string;
  truncated: boolean;
  alerts: Alert[];
}
