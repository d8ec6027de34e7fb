// SPDX-License-Identifier: MIT
// Dark or light: the system's choice until somebody here made one.

export type Theme = "dark" | "light";
const KEY = "ntc-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

class ThemeState {
  #chosen = $state<Theme | null>((localStorage.getItem(KEY) as Theme | null) ?? null);
  #system = $state<Theme>(system.matches ? "dark" : "light");

  constructor() {
    system.addEventListener("change", () => (this.#system = system.matches ? "dark" : "light"));
  }

  get current(): Theme {
    return this.#chosen ?? this.#system;
  }

  toggle(): void {
    const next = this.current === "dark" ? "light" : "dark";
    this.#chosen = next === this.#system ? null : next;
    if (this.#chosen) localStorage.setItem(KEY, this.#chosen);
    else localStorage.removeItem(KEY);
  }
}

export const theme = new ThemeState();
