// SPDX-License-Identifier: MIT
import { describe, expect, test } from "vitest";
import { LiveBuffer } from "./live-buffer";
import { packet } from "./sample";

function filled(limit: number, n: number): LiveBuffer {
  const buffer = new LiveBuffer(limit);
  for (let seq = 1; seq <= n; seq++) buffer.push({ packet: packet({ seq }) });
  return buffer;
}

function seqs(buffer: LiveBuffer): (number | string)[] {
  return Array.from({ length: buffer.length }, (_, i) => {
    const line = buffer.newest(i)!;
    return line.packet?.seq ?? `gap ${line.gap}`;
  });
}

describe("LiveBuffer", () => {
  test("keeps the newest, newest first", () => {
    expect(seqs(filled(3, 5))).toEqual([5, 4, 3]);
    expect(filled(3, 5).received).toBe(5);
  });

  test("pausing loses nothing that fits", () => {
    const buffer = filled(100, 5);
    buffer.pause();
    for (let seq = 6; seq <= 50; seq++) buffer.push({ packet: packet({ seq }) });
    expect(buffer.waiting).toBe(45);
    expect(seqs(buffer)).toEqual([5, 4, 3, 2, 1]);
    buffer.resume();
    expect(seqs(buffer)).toEqual(Array.from({ length: 50 }, (_, i) => 50 - i));
    expect(buffer.waiting).toBe(0);
  });

  test("what doesn't fit while paused becomes a gap", () => {
    const buffer = filled(10, 2);
    buffer.pause();
    for (let seq = 3; seq <= 16; seq++) buffer.push({ packet: packet({ seq }) });
    expect([buffer.waiting, buffer.overflow]).toEqual([10, 4]);
    buffer.resume();
    buffer.resume();
    expect(seqs(buffer)).toEqual([16, 15, 14, 13, 12, 11, 10, 9, 8, 7]);
  });

  test("the filter selects among what is held and what comes, and is never out of step", () => {
    const buffer = filled(20, 30);
    buffer.select((one) => one.seq % 3 === 0);
    expect(seqs(buffer)).toEqual([30, 27, 24, 21, 18, 15, 12]);
    for (let seq = 31; seq <= 100; seq++) {
      buffer.push({ packet: packet({ seq }) });
      const wanted = [];
      for (let i = seq; i > seq - 20; i--) if (i % 3 === 0) wanted.push(i);
      expect(seqs(buffer)).toEqual(wanted);
    }
  });

  test("gaps pass every filter, and neighbours are one", () => {
    const buffer = filled(10, 2);
    buffer.push({ gap: 5 });
    buffer.push({ gap: 7 });
    buffer.push({ packet: packet({ seq: 20 }) });
    buffer.push({ gap: null });
    buffer.push({ gap: 1 });
    expect(seqs(buffer)).toEqual(["gap 1", "gap null", 20, "gap 12", 2, 1]);
    buffer.select(() => false);
    expect(seqs(buffer)).toEqual(["gap 1", "gap null", "gap 12"]);
    expect(buffer.gapPackets).toBe(13);
  });

  test("clearing and resizing", () => {
    const buffer = filled(10, 10);
    buffer.resize(4);
    expect(seqs(buffer)).toEqual([10, 9, 8, 7]);
    buffer.resize(100);
    expect([seqs(buffer).length, buffer.limit]).toEqual([4, 100]);
    buffer.clear();
    expect([buffer.length, buffer.held, buffer.received]).toEqual([0, 0, 0]);
  });

  test("tells how many lines were added on top", () => {
    const buffer = filled(3, 10);
    expect(buffer.added).toBe(10);
    buffer.select(() => false);
    buffer.push({ packet: packet() });
    expect(buffer.added).toBe(10);
  });
});
