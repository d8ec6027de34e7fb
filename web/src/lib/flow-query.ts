// SPDX-License-Identifier: MIT
// The filter of the flows, answered by the server: `ip:10.0.0.0/8 port:443 proto:TCP action:DROP`.
// A bare address or port is understood as what it looks like.

import { parsePrefix } from "./ip";
import type { Query } from "./api";

const KEYS = ["ip", "src", "dst", "port", "proto", "action"];
const PROTOCOLS = ["TCP", "UDP", "ICMP", "ICMPV6", "OTHER"];
const ACTIONS = ["PASS", "DROP", "SKIP", "SSH"];

function guess(word: string): string | undefined {
  if (parsePrefix(word)) return "ip";
  if (/^\d{1,5}$/.test(word)) return "port";
  if (PROTOCOLS.includes(word.toUpperCase())) return "proto";
  return ACTIONS.includes(word.toUpperCase()) ? "action" : undefined;
}

export function parseFlowQuery(source: string): { query: Query; error: string } {
  const query: Query = {};
  let error = "";
  for (const word of source.split(/\s+/).filter(Boolean)) {
    const [, name, value] = /^([a-z]+):(.+)$/i.exec(word) ?? [];
    const key = name && KEYS.includes(name.toLowerCase()) ? name.toLowerCase() : guess(word);
    if (!key) error ||= `“${word}” is neither an address, a port nor one of ${KEYS.join(", ")}`;
    else if (query[key] !== undefined) error ||= `${key} is given twice`;
    else query[key] = name && key === name.toLowerCase() ? value : word;
  }
  return { query, error };
}
