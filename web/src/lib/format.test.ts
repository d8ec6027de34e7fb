// SPDX-License-Identifier: MIT
import { expect, test } from "vitest";
import {
  ago,
  bitrate,
  bytes,
  clock,
  count,
  duration,
  moment,
  percent,
  secondsUntil,
  short,
} from "./format";

test("figures keep three digits", () => {
  expect([0, 7, 7.25, 42, 999, 1000, 1234, 99_999, 999_999, 1e6].map(short)).toEqual([
    "0",
    "7",
    "7.3",
    "42",
    "999",
    "1.00 k",
    "1.23 k",
    "100 k",
    "1.00 M",
    "1.00 M",
  ]);
  expect([0, 999, 1500, 2.5e9].map(bytes)).toEqual(["0 B", "999 B", "1.50 kB", "2.50 GB"]);
  expect([0, 125, 125_000].map(bitrate)).toEqual(["0 bit/s", "1.00 kbit/s", "1.00 Mbit/s"]);
  expect(count(1234567)).toBe("1,234,567");
});

test("shares", () => {
  expect([percent(0, 0), percent(0, 10), percent(1, 3), percent(1, 1e6), percent(10, 10)]).toEqual([
    "0 %",
    "0 %",
    "33.3 %",
    "< 0.1 %",
    "100 %",
  ]);
});

test("durations have two units at most", () => {
  expect([-5, 0, 45, 61, 120, 599, 720, 3600, 12_000, 86_400, 447_840].map(duration)).toEqual([
    "0 s",
    "0 s",
    "45 s",
    "1 min 1 s",
    "2 min",
    "9 min 59 s",
    "12 min",
    "1 h",
    "3 h 20 min",
    "1 d",
    "5 d 4 h",
  ]);
});

test("times are those of the zone", () => {
  const time = "2026-01-31T23:34:56.789Z";
  expect(clock(time, "UTC")).toBe("23:34:56");
  expect(clock(time, "Europe/Berlin")).toBe("00:34:56");
  expect(moment(time, "Europe/Berlin")).toBe("2026-02-01 00:34:56");
  expect(moment(time, "Asia/Kolkata")).toBe("2026-02-01 05:04:56");
  expect(clock(time, "Nowhere/Nothing")).toBe("23:34:56");
});

test("how long ago, how long still", () => {
  const now = Date.parse("2026-01-31T12:00:00Z");
  expect(ago("2026-01-31T11:59:59.500Z", now)).toBe("now");
  expect(ago("2026-01-31T11:58:00Z", now)).toBe("2 min ago");
  expect(secondsUntil("2026-01-31T12:01:00Z", now)).toBe(60);
});
