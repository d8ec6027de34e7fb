// SPDX-License-Identifier: MIT
import { expect, test } from "vitest";
import { covers, endpoint, parsePrefix } from "./ip";

test.each([
  ["10.0.0.0/8", "10.1.2.3", true],
  ["10.0.0.0/8", "11.1.2.3", false],
  ["10.0.0.0/8", "10.1.0.0/16", true],
  ["10.1.0.0/16", "10.0.0.0/8", false],
  ["0.0.0.0/0", "203.0.113.7", true],
  ["0.0.0.0/0", "::1", false],
  ["192.0.2.1", "192.0.2.1", true],
  ["192.0.2.1", "192.0.2.11", false],
  ["2001:db8::/32", "2001:db8:1::10", true],
  ["2001:db8::/32", "2001:db9::", false],
  ["::/0", "fe80::1", true],
  ["2001:DB8::1", "2001:db8:0:0:0:0:0:1", true],
  ["::ffff:10.0.0.1", "::ffff:a00:1", true],
])("%s covers %s: %s", (outer, inner, wanted) => expect(covers(outer, inner)).toBe(wanted));

test.each([
  "",
  "1.2.3",
  "1.2.3.4.5",
  "256.1.1.1",
  "01.2.3.4",
  "1.2.3.4/33",
  "1.2.3.4/",
  "1::2::3",
  ":",
  "1:2:3",
  "::1/129",
  "g::",
  "1.2.3.4/8/8",
  "12345::",
  "example.net",
])("%j is neither address nor prefix", (text) => expect(parsePrefix(text)).toBeNull());

test("endpoints", () => {
  expect(endpoint("192.0.2.1", 443)).toBe("192.0.2.1:443");
  expect(endpoint("2001:db8::1", 443)).toBe("[2001:db8::1]:443");
  expect(endpoint("2001:db8::1", 0)).toBe("2001:db8::1");
});
