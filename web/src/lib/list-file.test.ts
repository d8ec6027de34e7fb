// SPDX-License-Identifier: MIT
import { describe, expect, test } from "vitest";
import { addAll, formatJson, formatText, parseListFile } from "./list-file";
import type { ListEntry } from "./types";

const now = Date.parse("2026-01-31T12:00:00Z");
const entry = (fields: Partial<ListEntry>): ListEntry => ({
  ip: "203.0.113.7",
  added: "2026-01-31T11:00:00Z",
  by: "uid 0 over http",
  comment: "",
  expires: null,
  origin: "manual",
  packets: 0,
  bytes: 0,
  ...fields,
});
const entries = [
  entry({ comment: 'a "comment"\nof two lines # and a hash' }),
  entry({ ip: "2001:db8::/32", expires: "2026-01-31T13:00:00Z" }),
];

describe("reading", () => {
  test("text, with comments, Windows' line ends and what is no address", () => {
    expect(
      parseListFile(
        "# feed\r\n1.2.3.4\r\n\r\n10.0.0.0/8 # ours\n2001:db8:: ; SBL1\nexample.net\n",
        now,
      ),
    ).toEqual({
      entries: [
        { ip: "1.2.3.4" },
        { ip: "10.0.0.0/8", comment: "ours" },
        { ip: "2001:db8::", comment: "SBL1" },
      ],
      bad: [{ line: 6, text: "example.net" }],
    });
  });

  test("JSON: an array, with entries that expired or are none told", () => {
    const text = JSON.stringify([
      "1.2.3.4",
      { ip: "x" },
      7,
      { ip: "::1", expires: "2020-01-01T00:00:00Z" },
    ]);
    const parsed = parseListFile(text, now);
    expect(parsed.entries).toEqual([{ ip: "1.2.3.4" }]);
    expect(parsed.bad.map((one) => one.line)).toEqual([2, 3, 4]);
  });

  test("what is exported can be imported", () => {
    expect(parseListFile(formatJson(entries), now).entries).toEqual([
      { ip: "203.0.113.7", comment: entries[0]!.comment },
      { ip: "2001:db8::/32", ttl: 3600 },
    ]);
    expect(parseListFile(formatText(entries), now).entries).toEqual([
      { ip: "203.0.113.7", comment: 'a "comment" of two lines # and a hash' },
      { ip: "2001:db8::/32" },
    ]);
  });

  test("65,536 lines are read quickly", () => {
    const text = Array.from(
      { length: 65_536 },
      (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`,
    ).join("\n");
    const begin = performance.now();
    expect(parseListFile(text, now).entries).toHaveLength(65_536);
    expect(performance.now() - begin).toBeLessThan(5000);
  });
});

describe("adding all", () => {
  const many = Array.from({ length: 50 }, (_, i) => ({ ip: `10.0.0.${i}` }));

  test("goes on past refusals and tells them", async () => {
    const seen: string[] = [];
    const outcome = await addAll(
      many,
      async ({ ip }) => {
        seen.push(ip);
        if (ip.endsWith(".3")) throw new Error("protected");
        return { changed: !ip.endsWith("0") };
      },
      () => undefined,
      new AbortController().signal,
    );
    expect(seen).toHaveLength(50);
    expect(outcome).toEqual({
      done: 50,
      added: 44,
      known: 5,
      refused: [{ ip: "10.0.0.3", message: "protected" }],
    });
  });

  test("stops when told to", async () => {
    const stop = new AbortController();
    const outcome = await addAll(
      many,
      async () => ({ changed: true }),
      ({ done }) => done === 10 && stop.abort(),
      stop.signal,
      2,
    );
    expect(outcome.done).toBeLessThan(15);
  });
});
