// SPDX-License-Identifier: MIT
// Flows have a direction; people think of connections. The two flows of one connection (same
// interface, ends swapped) become one row. Who opened it is told by which was seen first.

import type { Flow } from "./types";

export interface Connection {
  key: string;
  /** From who opened it, and the answer; one of them may not have been seen. */
  there: Flow;
  back: Flow | null;
  packets: number;
  bytes: number;
  bytesPerSecond: number;
  packetsPerSecond: number;
  lastSeen: string;
}

function keyOf(flow: Flow): string {
  const from = `${flow.src} ${flow.sport}`;
  const to = `${flow.dst} ${flow.dport}`;
  const ends = from < to ? `${from} ${to}` : `${to} ${from}`;
  return `${ends} ${flow.proto_number} ${flow.interface}`;
}

function connection(key: string, there: Flow, back: Flow | null): Connection {
  return {
    key,
    there,
    back,
    packets: there.packets + (back?.packets ?? 0),
    bytes: there.bytes + (back?.bytes ?? 0),
    bytesPerSecond: there.bytes_per_second + (back?.bytes_per_second ?? 0),
    packetsPerSecond: there.packets_per_second + (back?.packets_per_second ?? 0),
    lastSeen: back && back.last_seen > there.last_seen ? back.last_seen : there.last_seen,
  };
}

/** In the order of the first flow of each. */
export function pair(flows: readonly Flow[]): Connection[] {
  const halves = new Map<string, Flow[]>();
  for (const flow of flows) {
    const key = keyOf(flow);
    const found = halves.get(key);
    if (found) found.push(flow);
    else halves.set(key, [flow]);
  }
  return [...halves].flatMap(([key, found]) => {
    const [first, ...others] = found as [Flow, ...Flow[]];
    const other = others.find((flow) => flow.direction !== first.direction && swapped(first, flow));
    const rest = others.filter((flow) => flow !== other);
    const turned = other !== undefined && other.first_seen < first.first_seen;
    return [
      turned ? connection(key, other, first) : connection(key, first, other ?? null),
      ...rest.map((flow, i) => connection(`${key} ${i}`, flow, null)),
    ];
  });
}

function swapped(a: Flow, b: Flow): boolean {
  return a.src === b.dst && a.sport === b.dport && a.dst === b.src && a.dport === b.sport;
}

export type Column = "packets" | "bytes" | "rate" | "last_seen";

export function sortConnections(all: readonly Connection[], by: Column, up: boolean): Connection[] {
  const value = (c: Connection): number | string =>
    ({ packets: c.packets, bytes: c.bytes, rate: c.bytesPerSecond, last_seen: c.lastSeen })[by];
  const sign = up ? 1 : -1;
  return [...all].sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    return x < y ? -sign : x > y ? sign : a.key < b.key ? -1 : 1;
  });
}
