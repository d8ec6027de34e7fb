// SPDX-License-Identifier: MIT
import { expect, test } from "vitest";
import { Ring } from "./ring";

test("a ring behaves as a list that forgets its beginning", () => {
  const ring = new Ring<number>(5);
  const list: number[] = [];
  for (let i = 0; i < 200; i++) {
    if (i % 7 === 3) expect(ring.shift()).toBe(list.shift());
    const gone = ring.push(i);
    list.push(i);
    expect(gone).toBe(list.length > 5 ? list.shift() : undefined);
    expect([...ring]).toEqual(list);
    expect(ring.at(0)).toBe(list[0]);
    expect(ring.at(list.length)).toBeUndefined();
    expect(ring.at(-1)).toBeUndefined();
  }
  ring.clear();
  expect([...ring]).toEqual([]);
  expect(ring.shift()).toBeUndefined();
});
