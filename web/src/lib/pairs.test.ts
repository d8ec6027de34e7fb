// SPDX-License-Identifier: MIT
import { expect, test } from "vitest";
import { pair, sortConnections } from "./pairs";
import { answer, flow } from "./sample";

test("the flows of both directions become one connection, the opener first", () => {
  const there = flow({ packets: 10, bytes: 1000 });
  const back = answer(there, {
    packets: 20,
    bytes: 9000,
    first_seen: "2026-01-31T12:34:56.100Z",
    last_seen: "2026-01-31T12:36:00.000Z",
  });
  for (const flows of [
    [there, back],
    [back, there],
  ]) {
    const [one, ...rest] = pair(flows);
    expect(rest).toEqual([]);
    expect(one!.there.src).toBe("192.168.0.10");
    expect(one!.back!.src).toBe("1.1.1.1");
    expect([one!.packets, one!.bytes, one!.bytesPerSecond]).toEqual([30, 10_000, 200]);
    expect(one!.lastSeen).toBe(back.last_seen);
  }
});

test("nothing is lost or counted twice, whatever can't be paired", () => {
  const a = flow();
  const flows = [
    a,
    answer(a),
    flow({ interface: "eth1" }),
    flow({ proto: "UDP", proto_number: 17 }),
    flow({ sport: 1 }),
    flow({ direction: "INGRESS" }), // seen on its way in and out: forwarded
    flow({ src: "10.0.0.1", dst: "10.0.0.1", sport: 5, dport: 5 }),
  ];
  const connections = pair(flows);
  expect(connections.reduce((sum, one) => sum + one.packets, 0)).toBe(10 * flows.length);
  expect(new Set(connections.map((one) => one.key)).size).toBe(connections.length);
});

test("sorting is by the sums and never ambiguous", () => {
  const rows = pair([1, 2, 3, 3].map((n, i) => flow({ sport: i, packets: n, bytes: 10 - n })));
  const by = (...how: Parameters<typeof sortConnections>) =>
    sortConnections(...how).map((one) => one.packets);
  expect(by(rows, "packets", false)).toEqual([3, 3, 2, 1]);
  expect(by(rows, "packets", true)).toEqual([1, 2, 3, 3]);
  expect(by(rows, "bytes", false)).toEqual([1, 2, 3, 3]);
  expect(sortConnections(rows, "rate", false)).toEqual(
    sortConnections([...rows].reverse(), "rate", false),
  );
});
