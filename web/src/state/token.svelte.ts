// SPDX-License-Identifier: MIT
// The token that a server demands from callers on other machines: asked for once, sent as a header,
// kept for this tab, or on this device if its owner says so. Never in an address, never in a cookie.

const KEY = "ntc-token";

class TokenState {
  asking = $state(false);
  refused = $state(false);
  #resolve: ((given: boolean) => void) | null = null;
  #asked: Promise<boolean> | null = null;
  #declined = false;

  get value(): string {
    return sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY) ?? "";
  }

  /** `sent`: the one that was refused, or "". Resolves to whether there is another one. Everyone who
   * asks at a time shares the question. `insist`: somebody wants something done now, so ask even if it
   * was declined before. A wrong one is not sent again: after ten the right one is kept out, too. */
  ask(sent: string, insist = false): Promise<boolean> {
    if (this.value && this.value !== sent) return Promise.resolve(true); // given meanwhile
    if (sent) this.forget();
    if (this.#declined && !insist) return Promise.resolve(false);
    this.refused = sent !== "" || (this.asking && this.refused);
    this.asking = true;
    this.#asked ??= new Promise<boolean>((resolve) => (this.#resolve = resolve));
    return this.#asked;
  }

  give(token: string, keep: boolean): void {
    this.forget();
    (keep ? localStorage : sessionStorage).setItem(KEY, token);
    this.#declined = false;
    this.#answer(true);
  }

  decline(): void {
    this.#declined = true;
    this.#answer(false);
  }

  forget(): void {
    sessionStorage.removeItem(KEY);
    localStorage.removeItem(KEY);
  }

  #answer(given: boolean): void {
    this.asking = false;
    this.#resolve?.(given);
    this.#resolve = this.#asked = null;
  }
}

export const token = new TokenState();
