// SPDX-License-Identifier: MIT
// The filter of the live view: `src:192.168. action:DROP port:443 -proto:UDP dns`. Terms are all
// meant to hold; commas in a value are alternatives; a minus in front turns a term around; words
// without a key are looked for everywhere. Addresses match as prefixes (10.0.0.0/8) where they are
// ones, else by how they begin.

import { contains, parsePrefix, type Prefix } from "./ip";
import type { PacketEvent } from "./types";

type Test = (packet: PacketEvent) => boolean;

export interface Filter {
  match: Test;
  error: string; // "": understood
}

const DIRECTIONS: Record<string, string> = { IN: "INGRESS", OUT: "EGRESS" };

/* The same addresses come again and again. */
const parsed = new Map<string, Prefix | null>();
function prefixOf(ip: string): Prefix | null {
  let prefix = parsed.get(ip);
  if (prefix === undefined) {
    if (parsed.size > 4096) parsed.clear();
    parsed.set(ip, (prefix = parsePrefix(ip)));
  }
  return prefix;
}

function address(value: string): (ip: string) => boolean {
  const prefix = parsePrefix(value);
  if (!prefix) return (ip) => ip.startsWith(value);
  return (ip) => {
    const one = prefixOf(ip);
    return one !== null && contains(prefix, one);
  };
}

function number(value: string): ((n: number) => boolean) | null {
  const found = /^(<|>|<=|>=)?(\d+)(?:-(\d+))?$/.exec(value);
  if (!found) return null;
  const [, sign, low, high] = found;
  const from = Number(low);
  if (sign && high) return null;
  if (high) return (n) => n >= from && n <= Number(high);
  if (sign === "<") return (n) => n < from;
  if (sign === ">") return (n) => n > from;
  if (sign === "<=") return (n) => n <= from;
  if (sign === ">=") return (n) => n >= from;
  return (n) => n === from;
}

function numeric(read: (packet: PacketEvent) => number[]) {
  return (value: string): Test | null => {
    const fits = number(value);
    return fits && ((packet) => read(packet).some(fits));
  };
}

function addresses(read: (packet: PacketEvent) => string[]) {
  return (value: string): Test => {
    const fits = address(value.toLowerCase());
    return (packet) => read(packet).some(fits);
  };
}

function word(read: (packet: PacketEvent) => string) {
  return (value: string): Test => {
    const wanted = value.toUpperCase();
    return (packet) => read(packet).toUpperCase() === wanted;
  };
}

const keys: Record<string, (value: string) => Test | null> = {
  src: addresses((p) => [p.src]),
  dst: addresses((p) => [p.dst]),
  ip: addresses((p) => [p.src, p.dst]),
  port: numeric((p) => [p.sport, p.dport]),
  sport: numeric((p) => [p.sport]),
  dport: numeric((p) => [p.dport]),
  len: numeric((p) => [p.len]),
  seq: numeric((p) => [p.seq]),
  proto: word((p) => p.proto),
  action: word((p) => p.action),
  if: word((p) => p.interface),
  dir: (value) => word((p) => p.direction)(DIRECTIONS[value.toUpperCase()] ?? value),
  flags: (value) => {
    const wanted = [...value.toUpperCase()];
    return (packet) => wanted.every((flag) => packet.flags.includes(flag));
  },
};
const aliases: Record<string, string> = { interface: "if", direction: "dir", length: "len" };

export const FILTER_KEYS = Object.keys(keys);

function text(value: string): Test {
  const wanted = value.toLowerCase();
  return (p) =>
    [p.src, p.dst, p.proto, p.action, p.direction, p.interface, p.time].some((field) =>
      field.toLowerCase().includes(wanted),
    ) ||
    String(p.sport) === wanted ||
    String(p.dport) === wanted;
}

function term(source: string): Test | string {
  const negated = source.startsWith("-") && source.length > 1;
  const bare = negated ? source.slice(1) : source;
  const [, name, value] = /^([a-z]+):(.*)$/i.exec(bare) ?? [];
  const key = name && keys[aliases[name.toLowerCase()] ?? name.toLowerCase()];
  let test: Test;
  if (name === undefined || (!key && bare.split(":").length > 2)) {
    test = text(bare); // also 2001:db8::, fe80::1
  } else if (!key) {
    return `There is no key “${name}”; there are ${FILTER_KEYS.join(", ")}`;
  } else {
    const tests = (value ?? "").split(",").filter(Boolean).map(key);
    if (tests.length === 0 || tests.includes(null)) return `“${bare}” is not complete`;
    test = (packet) => tests.some((one) => one!(packet));
  }
  return negated ? (packet) => !test(packet) : test;
}

/** What isn't understood selects nothing less than before: the rest still holds. */
export function parseFilter(source: string): Filter {
  const terms = source.trim().split(/\s+/).filter(Boolean).map(term);
  const tests = terms.filter((one) => typeof one !== "string");
  const error = terms.find((one) => typeof one === "string") ?? "";
  if (tests.length === 0) return { match: () => true, error };
  return { match: (packet) => tests.every((test) => test(packet)), error };
}

/** Adds `key:value`, in the place of what `key` said before; takes it away if it was just that. */
export function toggleTerm(source: string, key: string, value: string): string {
  const terms = source.split(/\s+/).filter(Boolean);
  const kept = terms.filter((one) => !one.toLowerCase().startsWith(`${key}:`));
  if (terms.includes(`${key}:${value}`)) return kept.join(" ");
  return [...kept, `${key}:${value}`].join(" ");
}
