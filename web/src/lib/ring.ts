// SPDX-License-Identifier: MIT
// The last `capacity` items, oldest first. Adding one more drops the oldest.

export class Ring<T> {
  #items: (T | undefined)[] = [];
  #first = 0;
  #count = 0;

  constructor(readonly capacity: number) {}

  get length(): number {
    return this.#count;
  }

  /** The item that had to go, if one had to. */
  push(item: T): T | undefined {
    if (this.#count < this.capacity) {
      this.#items[(this.#first + this.#count++) % this.capacity] = item;
      return undefined;
    }
    const gone = this.#items[this.#first];
    this.#items[this.#first] = item;
    this.#first = (this.#first + 1) % this.capacity;
    return gone;
  }

  shift(): T | undefined {
    if (this.#count === 0) return undefined;
    const item = this.#items[this.#first];
    this.#items[this.#first] = undefined;
    this.#first = (this.#first + 1) % this.capacity;
    this.#count--;
    return item;
  }

  /** Counted from the oldest. */
  at(index: number): T | undefined {
    if (index < 0 || index >= this.#count) return undefined;
    return this.#items[(this.#first + index) % this.capacity];
  }

  clear(): void {
    this.#items = [];
    this.#first = this.#count = 0;
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (let i = 0; i < this.#count; i++) yield this.at(i)!;
  }
}
