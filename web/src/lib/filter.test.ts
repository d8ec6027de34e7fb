// SPDX-License-Identifier: MIT
import { describe, expect, test } from "vitest";
import { parseFilter, toggleTerm } from "./filter";
import { packet } from "./sample";

const web = packet({ src: "192.168.0.10", dst: "1.1.1.1", dport: 443 });
const dns = packet({ proto: "UDP", dport: 53, dst: "9.9.9.9", flags: "", len: 90 });
const bad = packet({
  action: "DROP",
  direction: "INGRESS",
  src: "203.0.113.7",
  dst: "192.168.0.10",
});
const six = packet({
  src: "2001:db8:1::10",
  dst: "2001:db8:2::1",
  interface: "wlan0",
  flags: "SA",
});
const all = { web, dns, bad, six };

function selected(source: string): string {
  const { match, error } = parseFilter(source);
  expect(error).toBe("");
  return Object.entries(all)
    .filter(([, one]) => match(one))
    .map(([name]) => name)
    .join(" ");
}

test.each([
  ["", "web dns bad six"],
  ["   ", "web dns bad six"],
  ["src:192.168.", "web dns"],
  ["src:192.168. port:443", "web"],
  ["action:DROP", "bad"],
  ["action:drop,pass", "web dns bad six"],
  ["-action:DROP", "web dns six"],
  ["ip:192.168.0.0/16", "web dns bad"],
  ["ip:192.168.0.1", ""],
  ["dst:192.168.0.10", "bad"],
  ["src:2001:db8::/32", "six"],
  ["src:2001:db8:1::10", "six"],
  ["src:2001:DB8:1", "six"],
  ["port:53,22", "dns"],
  ["dport:1-100", "dns"],
  ["sport:50514", "web dns bad six"],
  ["len:>60", "dns"],
  ["len:<=60", "web bad six"],
  ["proto:udp", "dns"],
  ["dir:in", "bad"],
  ["dir:out", "web dns six"],
  ["direction:ingress", "bad"],
  ["if:wlan0", "six"],
  ["interface:eth0", "web dns bad"],
  ["flags:AS", "six"],
  ["203.0", "bad"],
  ["wlan", "six"],
  ["443", "web bad six"],
  ["2001:db8", "six"],
  ["-udp", "web bad six"],
])("%j selects %j", (source, wanted) => expect(selected(source)).toBe(wanted));

describe("what isn't understood", () => {
  test.each(["colour:red", "port:", "port:http", "len:>", "src:"])("%j is explained", (source) =>
    expect(parseFilter(source).error).not.toBe(""),
  );

  test("leaves the rest in force", () => {
    const { match, error } = parseFilter("colour:red action:DROP");
    expect(error).toContain("colour");
    expect([match(bad), match(web)]).toEqual([true, false]);
  });
});

test("terms are toggled", () => {
  expect(toggleTerm("", "action", "DROP")).toBe("action:DROP");
  expect(toggleTerm("x action:PASS y", "action", "DROP")).toBe("x y action:DROP");
  expect(toggleTerm("x action:DROP", "action", "DROP")).toBe("x");
});
