// SPDX-License-Identifier: MIT
// Numbers and times as people read them. Figures keep three significant digits, so that a column of
// them keeps still.

const integer = new Intl.NumberFormat("en");

export function count(n: number): string {
  return integer.format(n);
}

function significant(n: number): string {
  if (n >= 99.95) return n.toFixed(0);
  if (n >= 9.995) return n.toFixed(1);
  return n.toFixed(2);
}

function scaled(n: number, base: number, units: readonly string[]): string {
  let i = 0;
  while (n >= base * 0.9995 && i < units.length - 1) {
    n /= base;
    i++;
  }
  const digits = i === 0 ? (n < 10 && n % 1 !== 0 ? n.toFixed(1) : n.toFixed(0)) : significant(n);
  return units[i] ? `${digits} ${units[i]}` : digits;
}

export const bytes = (n: number) => scaled(n, 1000, ["B", "kB", "MB", "GB", "TB", "PB"]);
export const short = (n: number) => scaled(n, 1000, ["", "k", "M", "G", "T"]);
export const packets = (n: number) => `${short(n)} ${n === 1 ? "packet" : "packets"}`;
/** Bits a second, from bytes a second: what links are sold in. */
export const bitrate = (n: number) =>
  scaled(n * 8, 1000, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"]);

export function percent(part: number, whole: number): string {
  if (whole === 0) return "0 %";
  const share = (part / whole) * 100;
  if (share > 0 && share < 0.1) return "< 0.1 %";
  return `${share >= 99.95 || share === 0 ? share.toFixed(0) : share.toFixed(1)} %`;
}

/** 45 s, 12 min, 3 h 20 min, 5 d 4 h: two units at most. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  const parts: [number, string][] = [
    [Math.floor(s / 86400), "d"],
    [Math.floor(s / 3600) % 24, "h"],
    [Math.floor(s / 60) % 60, "min"],
    [s % 60, "s"],
  ];
  const first = parts.findIndex(([n]) => n > 0);
  if (first < 0) return "0 s";
  const wanted = parts.slice(first, s >= 600 && first === 2 ? first + 1 : first + 2);
  return wanted
    .filter(([n]) => n > 0)
    .map(([n, unit]) => `${n} ${unit}`)
    .join(" ");
}

const formats = new Map<string, Intl.DateTimeFormat>();
function formatIn(zone: string, withDate: boolean): Intl.DateTimeFormat {
  const key = `${zone} ${withDate}`;
  let format = formats.get(key);
  if (!format) {
    const day = { year: "numeric", month: "2-digit", day: "2-digit" } as const;
    const options: Intl.DateTimeFormatOptions = {
      ...(withDate ? day : {}),
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      hourCycle: "h23",
    };
    try {
      format = new Intl.DateTimeFormat("sv", { ...options, timeZone: zone });
    } catch {
      format = new Intl.DateTimeFormat("sv", { ...options, timeZone: "UTC" });
    }
    formats.set(key, format);
  }
  return format;
}

/** 12:34:56 in the zone. */
export function clock(time: string | number, zone: string): string {
  return formatIn(zone, false).format(new Date(time));
}

/** 2026-01-31 12:34:56 in the zone. */
export function moment(time: string | number, zone: string): string {
  return formatIn(zone, true).format(new Date(time));
}

/** Seconds from `now` until `time`; negative if it has passed. */
export function secondsUntil(time: string, nowMs: number): number {
  return (Date.parse(time) - nowMs) / 1000;
}

export function ago(time: string, nowMs: number): string {
  const seconds = -secondsUntil(time, nowMs);
  return seconds < 1 ? "now" : `${duration(seconds).split(" ").slice(0, 2).join(" ")} ago`;
}
