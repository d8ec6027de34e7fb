// SPDX-License-Identifier: MIT
import { describe, expect, test } from "vitest";
import { SseParser } from "./sse";

const sample =
  'retry: 2000\n\nid: 7\ndata: {"a":1}\n\n:\n\nevent: gap\ndata: {"packets":null}\n\nid: 8\ndata: x\ndata: y\n\n';

describe("SseParser", () => {
  test("finds the same messages wherever the stream is cut", () => {
    const whole = new SseParser().push(sample);
    expect(whole).toEqual([
      { event: "", data: '{"a":1}', id: "7" },
      { event: "gap", data: '{"packets":null}', id: "" },
      { event: "", data: "x\ny", id: "8" },
    ]);
    for (let cut = 1; cut < sample.length; cut++) {
      const parser = new SseParser();
      expect([...parser.push(sample.slice(0, cut)), ...parser.push(sample.slice(cut))]).toEqual(
        whole,
      );
    }
  });

  test("takes CRLF, cut anywhere, and remembers retry", () => {
    const text = sample.replaceAll("\n", "\r\n");
    for (let cut = 0; cut < text.length; cut++) {
      const parser = new SseParser();
      expect([...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut))]).toHaveLength(3);
      expect(parser.retryMs).toBe(2000);
    }
  });

  test("a heartbeat and an unfinished message are no messages", () => {
    expect(new SseParser().push(":\n\ndata: half\n")).toEqual([]);
  });

  test("a line without an end is refused, not kept", () => {
    expect(() => new SseParser().push("x".repeat(2 << 20))).toThrow();
  });
});
