// SPDX-License-Identifier: MIT
// Packets and flows for the tests.

import type { Flow, PacketEvent } from "./types";

export function packet(fields: Partial<PacketEvent> = {}): PacketEvent {
  return {
    time: "12:34:56.789",
    seq: 1,
    src: "192.168.0.10",
    dst: "1.1.1.1",
    proto: "TCP",
    action: "PASS",
    direction: "EGRESS",
    ts: "2026-01-31T12:34:56.789Z",
    sport: 50514,
    dport: 443,
    len: 60,
    packets: 1,
    flags: "S",
    interface: "eth0",
    proto_number: 6,
    ...fields,
  };
}

export function flow(fields: Partial<Flow> = {}): Flow {
  return {
    src: "192.168.0.10",
    sport: 50514,
    dst: "1.1.1.1",
    dport: 443,
    proto: "TCP",
    proto_number: 6,
    direction: "EGRESS",
    interface: "eth0",
    action: "PASS",
    packets: 10,
    bytes: 1000,
    packets_per_second: 1,
    bytes_per_second: 100,
    flags: "SA",
    first_seen: "2026-01-31T12:34:56.000Z",
    last_seen: "2026-01-31T12:35:00.000Z",
    ...fields,
  };
}

/** The flow that answers `there`. */
export function answer(there: Flow, fields: Partial<Flow> = {}): Flow {
  const { src, dst, sport, dport, direction } = there;
  return {
    ...there,
    src: dst,
    dst: src,
    sport: dport,
    dport: sport,
    direction: direction === "EGRESS" ? "INGRESS" : "EGRESS",
    ...fields,
  };
}
