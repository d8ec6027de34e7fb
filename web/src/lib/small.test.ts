// SPDX-License-Identifier: MIT
import { expect, test } from "vitest";
import { alertFacts, concerning, selectAlerts } from "./alerts";
import { parseFlowQuery } from "./flow-query";
import { keyOf } from "./keys";
import { formatRoute, parseRoute } from "./route";
import { shareRows } from "./shares";
import type { Alert } from "./types";

test("routes survive the way through the address bar", () => {
  const route = {
    view: "live",
    parameters: { q: "src:10.0.0.0/8 -proto:UDP", ip: "2001:db8::1" },
  } as const;
  expect(parseRoute(formatRoute(route))).toEqual(route);
  expect(formatRoute({ view: "flows", parameters: { q: "" } })).toBe("#flows");
  for (const hash of ["", "#", "#nowhere", "#/overview", "#<script>"])
    expect(parseRoute(hash).view).toBe("overview");
});

test.each([
  ["", {}],
  ["10.0.0.0/8 port:443", { ip: "10.0.0.0/8", port: "443" }],
  ["2001:db8::1", { ip: "2001:db8::1" }],
  ["src:2001:db8::1 tcp drop", { src: "2001:db8::1", proto: "tcp", action: "drop" }],
  ["53 udp", { port: "53", proto: "udp" }],
])("the flow filter %j", (source, query) =>
  expect(parseFlowQuery(source)).toEqual({ query, error: "" }),
);

test("a flow filter that isn't understood says so", () => {
  expect(parseFlowQuery("colour:red").error).toContain("colour");
  expect(parseFlowQuery("port:1 port:2").error).toContain("twice");
});

test("shares have a rate only against something older of the same life", () => {
  const row = (before: Record<string, number> | undefined, seconds = 2) =>
    shareRows({ TCP: 10 }, { TCP: 99 }, before, seconds)[0];
  expect(row({ TCP: 4 })).toEqual({ name: "TCP", packets: 10, bytes: 99, perSecond: 3 });
  expect(row(undefined)!.perSecond).toBeNull();
  expect(row({ TCP: 50 })!.perSecond).toBeNull();
  expect(row({ TCP: 4 }, 0)!.perSecond).toBeNull();
});

test("alerts are found by kind, address and word", () => {
  const alert = (fields: Partial<Alert>): Alert => ({
    time: "2026-01-31T12:00:00Z",
    kind: "port-scan",
    ip: "203.0.113.7",
    target: null,
    interface: "eth0",
    message: "203.0.113.7 tried 100 ports",
    ports: 100,
    hosts: 1,
    packets: 0,
    blocked_until: null,
    ...fields,
  });
  const all = [
    alert({}),
    alert({ kind: "volume", ip: "10.0.0.1", target: "203.0.113.7", message: "much" }),
  ];
  expect(selectAlerts(all, "volume", "")).toEqual([all[1]]);
  expect(selectAlerts(all, "", "MUCH")).toEqual([all[1]]);
  expect(selectAlerts(all, "", "eth0")).toHaveLength(2);
  expect(concerning(all, "203.0.113.7")).toHaveLength(2);
  expect(concerning(all, "10.0.0.1")).toHaveLength(1);
  expect(alertFacts(all[0]!)).toBe("100 ports, 1 host");
});

test("shortcuts keep out of what is the browser's or somebody's text", () => {
  const press = (fields: object) =>
    keyOf({ key: "p", target: null, ...fields } as unknown as KeyboardEvent);
  const inside = (selector: string) => ({
    closest: (list: string) => (list.includes(selector) ? {} : null),
  });
  expect(press({})).toBe("p");
  expect(press({ ctrlKey: true })).toBe("");
  expect(press({ target: inside("input") })).toBe("");
  expect(press({ key: "Escape", target: inside("input") })).toBe("Escape");
  expect(press({ key: "Escape", target: inside("dialog") })).toBe("");
});
