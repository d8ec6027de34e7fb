// SPDX-License-Identifier: MIT
// The filters of the live view and of the flows, on what nobody would type: whatever the text, they
// answer, and terms mean the same alone, together, turned around and as alternatives.

import { expect, test } from "vitest";
import { FILTER_KEYS, parseFilter, toggleTerm } from "./filter";
import { parseFlowQuery } from "./flow-query";
import { covers } from "./ip";
import { Dice } from "./dice";
import { packet } from "./sample";
import { ACTIONS } from "./types";

const ROUNDS = 3000;
const ADDRESSES = [
  "10.0.0.1",
  "192.168.0.10",
  "203.0.113.7",
  "2001:db8::1",
  "2001:db8:1::10",
  "::1",
];
const VALUES = [
  ...ADDRESSES,
  ...ADDRESSES.map((ip) => `${ip}/${ip.includes(":") ? 32 : 8}`),
  ...["192.168.", "2001:db8", "TCP", "udp", "DROP", "pass", "in", "EGRESS", "eth0", "SA", "fsrpau"],
  ...["443", "22-53", "53-22", ">60", "<=60", "<0", "", "99999999999999999999", "1e3", "-1", "0x1"],
  ...[
    "constructor",
    "__proto__",
    "toString",
    "10.0.0.0/99",
    "::/0",
    "1::2::3",
    "\u0000",
    "é",
    "💥",
  ],
];
const NAMES = [
  ...FILTER_KEYS,
  "interface",
  "DIRECTION",
  "Src",
  "constructor",
  "__proto__",
  "colour",
];

const dice = new Dice(20240607);
const packets = Array.from({ length: 40 }, (_, seq) =>
  packet({
    seq,
    src: dice.pick(ADDRESSES),
    dst: dice.pick(ADDRESSES),
    sport: dice.pick([0, 22, 53, 443, 50514]),
    dport: dice.pick([0, 22, 53, 443, 65535]),
    proto: dice.pick(["TCP", "UDP", "ICMP", "OTHER"]),
    action: dice.pick([...ACTIONS]),
    direction: dice.pick(["INGRESS", "EGRESS"]),
    len: dice.pick([54, 60, 61, 1514]),
    flags: dice.pick(["", "S", "SA", "PA"]),
    interface: dice.pick(["eth0", "wlan0"]),
  }),
);

function selected(source: string): number[] {
  const { match } = parseFilter(source);
  return packets.filter(match).map(({ seq }) => seq);
}

function term(): string {
  const values = dice.some(3, () => dice.pick(VALUES)).join(",");
  return dice.pick([`${dice.pick(NAMES)}:${values}`, `-${dice.pick(NAMES)}:${values}`, values]);
}

function understood(source: string): boolean {
  return /^\S+$/.test(source) && parseFilter(source).error === "";
}

const both = (a: number[], b: number[]) => a.filter((seq) => b.includes(seq));
const either = (a: number[], b: number[]) =>
  packets.map(({ seq }) => seq).filter((seq) => a.includes(seq) || b.includes(seq));

test("any text is answered", () => {
  for (let i = 0; i < ROUNDS; i++) {
    const source = dice.pick([() => dice.text(40), () => dice.some(4, term).join(" ")])();
    for (const { error } of [parseFilter(source), parseFlowQuery(source)])
      expect(error.length, source).toBeLessThan(source.length + 120);
    selected(source);
  }
});

test("terms together select what each of them does", () => {
  for (let i = 0; i < ROUNDS; i++) {
    const [a, b] = [term(), term()];
    if (understood(a) && understood(b))
      expect(selected(`${a} ${b}`), `${a} ${b}`).toEqual(both(selected(a), selected(b)));
    else if (understood(a))
      expect(selected(`${b} ${a}`), `${b} ${a}`).toEqual(both(selected(a), selected(b)));
  }
});

test("a minus turns a term around", () => {
  for (let i = 0; i < ROUNDS; i++) {
    const one = term();
    if (understood(one) && !one.startsWith("-"))
      expect(both(selected(one), selected(`-${one}`)), one).toEqual([]);
    if (understood(one) && !one.startsWith("-"))
      expect(either(selected(one), selected(`-${one}`)), one).toHaveLength(packets.length);
  }
});

test("commas are alternatives, and keys have no case", () => {
  for (let i = 0; i < ROUNDS; i++) {
    const [key, a, b] = [dice.pick(FILTER_KEYS), dice.pick(VALUES), dice.pick(VALUES)];
    if (!understood(`${key}:${a}`) || !understood(`${key}:${b}`)) continue;
    expect(selected(`${key}:${a},${b}`), `${key}:${a},${b}`).toEqual(
      either(selected(`${key}:${a}`), selected(`${key}:${b}`)),
    );
    expect(selected(`${key.toUpperCase()}:${a}`)).toEqual(selected(`${key}:${a}`));
  }
});

/** The same address as somebody else would write it. */
function otherwise(ip: string): string {
  if (!ip.includes(":")) return ip;
  const [head = "", tail = ""] = ip.split("::").map((half) => half.split(":").filter(Boolean));
  const zeros = Array<string>(8 - head.length - tail.length).fill("0");
  return [...head, ...zeros, ...tail]
    .map((group) => group.padStart(4, "0").toUpperCase())
    .join(":");
}

test("an address is the same however it is written", () => {
  for (const ip of ADDRESSES) {
    const wanted = packets.filter(({ src }) => src === ip).map(({ seq }) => seq);
    expect(selected(`src:${ip}`), ip).toEqual(wanted);
    expect(selected(`src:${otherwise(ip)}`), otherwise(ip)).toEqual(wanted);
  }
});

test("a prefix selects what it covers", () => {
  for (let i = 0; i < ROUNDS; i++) {
    const ip = dice.pick(ADDRESSES);
    const prefix = `${ip}/${dice.below(ip.includes(":") ? 129 : 33)}`;
    const wanted = packets.filter(({ dst }) => covers(prefix, dst)).map(({ seq }) => seq);
    expect(selected(`dst:${prefix}`), prefix).toEqual(wanted);
  }
});

test("what is toggled on holds, and toggled again it is gone", () => {
  for (let i = 0; i < ROUNDS; i++) {
    const source = dice.some(4, term).join(" ");
    const action = dice.pick([...ACTIONS]);
    const once = toggleTerm(source.replaceAll(`action:${action}`, ""), "action", action);
    for (const seq of selected(once)) expect(packets[seq]!.action, once).toBe(action);
    const words = toggleTerm(once, "action", action).split(" ");
    expect(
      words.some((one) => /^action:/i.test(one)),
      once,
    ).toBe(false);
  }
});

test("flows are asked for by known keys only, each once", () => {
  for (let i = 0; i < ROUNDS; i++) {
    const words = dice.some(4, term).join(" ").split(/\s+/).filter(Boolean);
    const { query, error } = parseFlowQuery(words.join(" "));
    const keys = Object.keys(query);
    expect(["ip", "src", "dst", "port", "proto", "action"]).toEqual(expect.arrayContaining(keys));
    for (const value of Object.values(query)) expect(value, words.join(" ")).toBeTruthy();
    if (!error) expect(keys, words.join(" ")).toHaveLength(words.length);
  }
});
