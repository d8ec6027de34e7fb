// SPDX-License-Identifier: MIT
// Counters by some name, as rows: how much in all, and how fast right now.

import type { Counts } from "./types";

export interface ShareRow {
  name: string;
  packets: number;
  bytes: number;
  perSecond: number | null; // null: nothing to hold it against yet
}

export function shareRows(
  packets: Counts,
  bytes: Counts,
  before: Counts | undefined,
  seconds: number,
): ShareRow[] {
  return Object.entries(packets).map(([name, now]) => ({
    name,
    packets: now,
    bytes: bytes[name] ?? 0,
    // Fewer than before: ntc was started anew.
    perSecond:
      before && seconds > 0 && now >= (before[name] ?? 0)
        ? (now - (before[name] ?? 0)) / seconds
        : null,
  }));
}
