// SPDX-License-Identifier: MIT
// The points of the overview's chart: what the server held when the page came, then what is new.

import type { History } from "./types";

export const HISTORY_MAX = 600;
const GAP_SEC = 10; // without readings for so long: no line is drawn across

export type Series = [
  time: number[],
  packets: (number | null)[],
  dropped: (number | null)[],
  bytes: (number | null)[],
];

export function emptySeries(): Series {
  return [[], [], [], []];
}

/** A new series with what `update` has beyond the last point of `series`. Its times are the
 * server's wall clock, read anew for each answer: a point may come again some milliseconds off. */
export function extend(series: Series, update: History): Series {
  const next = series.map((column) => [...column]) as Series;
  const last = next[0].at(-1) ?? -Infinity;
  const restarted = (update.time.at(-1) ?? last) < last - GAP_SEC;
  if (restarted) return extend(emptySeries(), update);
  update.time.forEach((time, i) => {
    const newest = next[0].at(-1) ?? -Infinity;
    if (time < newest + 0.5) return;
    if (time > newest + GAP_SEC && next[0].length > 0) append(next, newest + 1, null, null, null);
    append(
      next,
      time,
      update.packets_per_second[i] ?? null,
      update.dropped_packets_per_second[i] ?? null,
      update.bytes_per_second[i] ?? null,
    );
  });
  const excess = next[0].length - HISTORY_MAX;
  return excess > 0 ? (next.map((column) => column.slice(excess)) as Series) : next;
}

function append(series: Series, time: number, ...values: (number | null)[]): void {
  series[0].push(time);
  series[1].push(values[0] ?? null);
  series[2].push(values[1] ?? null);
  series[3].push(values[2] ?? null);
}
