// SPDX-License-Identifier: MIT
import { expect, test } from "vitest";
import { HISTORY_MAX, emptySeries, extend } from "./history";
import type { History } from "./types";

function points(from: number, n: number): History {
  const column = Array.from({ length: n }, (_, i) => from + i);
  return {
    time: column,
    packets_per_second: column.map((t) => t * 2),
    bytes_per_second: column.map((t) => t * 3),
    dropped_packets_per_second: column.map(() => 1),
  };
}

test("overlapping answers give each second once, though the clock moves a little", () => {
  let series = extend(emptySeries(), points(100, 50));
  const again = points(140, 20);
  again.time = again.time.map((t) => t + 0.02);
  series = extend(series, again);
  expect(series[0]).toHaveLength(60);
  expect(series[0].at(-1)).toBeCloseTo(159.02);
  expect(series[1][55]).toBe(310);
  expect([series[2][55], series[3][55]]).toEqual([1, 465]);
});

test("the oldest go", () => {
  const series = extend(extend(emptySeries(), points(0, 600)), points(600, 30));
  expect([series[0].length, series[0][0]]).toEqual([HISTORY_MAX, 30]);
});

test("no line is drawn over what nobody read", () => {
  const series = extend(extend(emptySeries(), points(0, 5)), points(100, 5));
  expect(series[1][5]).toBeNull();
  expect(series[0]).toHaveLength(11);
});

test("a clock that was set back begins anew", () => {
  expect(extend(extend(emptySeries(), points(1000, 5)), points(10, 3))[0]).toEqual([10, 11, 12]);
});
