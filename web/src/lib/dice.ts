// SPDX-License-Identifier: MIT
// Chance for the tests, the same each time (xorshift32).

export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 1;
  }

  below(n: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % n;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** One to `most` of what `make` makes. */
  some<T>(most: number, make: () => T): T[] {
    return Array.from({ length: 1 + this.below(most) }, make);
  }

  /** Of any characters, those that mean something to a filter more often. */
  text(most: number): string {
    const letters = this.some(most, () =>
      this.below(2)
        ? this.pick([..." ,:-/.<>=0159acdeprst"])
        : String.fromCodePoint(this.below(0x300)),
    );
    return letters.join("");
  }
}
