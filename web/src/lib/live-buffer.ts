// SPDX-License-Identifier: MIT
// What the live view holds: the last `limit` lines, those of them that a filter selects, and, while
// paused, those that wait. A line is a packet or a gap; gaps pass every filter, since nobody knows
// what was in them. What didn't fit while paused is itself a gap.

import { Ring } from "./ring";
import type { PacketEvent } from "./types";

export interface Gap {
  gap: number | null; // packets that were not shown; null: nobody knows how many
  packet?: undefined;
}

export interface Shown {
  packet: PacketEvent;
  gap?: undefined;
}

export type Line = Shown | Gap;
export type Match = (packet: PacketEvent) => boolean;

export class LiveBuffer {
  #lines: Ring<Line>;
  #selected: Ring<Line>;
  #waiting: Ring<Line>;
  #match: Match = () => true;
  #paused = false;
  #overflow = 0;
  #added = 0;
  received = 0;
  gapPackets = 0;

  constructor(limit: number) {
    this.#lines = new Ring(limit);
    this.#selected = new Ring(limit);
    this.#waiting = new Ring(limit);
  }

  get limit(): number {
    return this.#lines.capacity;
  }
  get held(): number {
    return this.#lines.length;
  }
  get length(): number {
    return this.#selected.length;
  }
  get waiting(): number {
    return this.#waiting.length;
  }
  get overflow(): number {
    return this.#overflow;
  }
  get paused(): boolean {
    return this.#paused;
  }
  /** Lines that were ever selected: how far the newest ones have pushed the others down. */
  get added(): number {
    return this.#added;
  }

  /** 0 is the newest. */
  newest(index: number): Line | undefined {
    return this.#selected.at(this.#selected.length - 1 - index);
  }

  push(line: Line): void {
    if (line.packet) this.received++;
    else this.gapPackets += line.gap ?? 0;
    if (!this.#paused) this.#show(line);
    else if (this.#waiting.push(line)) this.#overflow++;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    if (this.#overflow > 0) this.#show({ gap: this.#overflow });
    for (const line of this.#waiting) this.#show(line);
    this.#waiting.clear();
    this.#overflow = 0;
  }

  clear(): void {
    for (const ring of [this.#lines, this.#selected, this.#waiting]) ring.clear();
    this.#overflow = this.received = this.gapPackets = 0;
  }

  select(match: Match): void {
    this.#match = match;
    this.#selected.clear();
    for (const line of this.#lines) if (this.#wanted(line)) this.#selected.push(line);
  }

  resize(limit: number): void {
    const lines = [...this.#lines];
    const waiting = [...this.#waiting];
    this.#lines = new Ring(limit);
    this.#selected = new Ring(limit);
    this.#waiting = new Ring(limit);
    for (const line of lines) this.#show(line);
    for (const line of waiting) if (this.#waiting.push(line)) this.#overflow++;
  }

  #wanted(line: Line): boolean {
    return line.packet === undefined || this.#match(line.packet);
  }

  #show(line: Line): void {
    const last = this.#lines.at(this.#lines.length - 1);
    if (last && !last.packet && !line.packet && last.gap !== null && line.gap !== null) {
      last.gap += line.gap; // one gap after another is one gap
      return;
    }
    const gone = this.#lines.push(line);
    if (gone && this.#selected.at(0) === gone) this.#selected.shift();
    if (!this.#wanted(line)) return;
    this.#selected.push(line);
    this.#added++;
  }
}
