// SPDX-License-Identifier: MIT
// Short words about what was done, with a way back where there is one.

export interface Notice {
  id: number;
  text: string;
  kind: "done" | "error" | "alert";
  action?: { label: string; run: () => void };
}

const SHOWN_MS = 8000;
const NOTICES_MAX = 4;

class Notices {
  items = $state<Notice[]>([]);
  #next = 1;

  say(
    text: string,
    kind: Notice["kind"] = "done",
    action?: Notice["action"],
    shownMs = kind === "done" && !action ? SHOWN_MS / 2 : SHOWN_MS,
  ): void {
    const id = this.#next++;
    this.items = [...this.items.slice(1 - NOTICES_MAX), { id, text, kind, action }];
    setTimeout(() => this.close(id), shownMs);
  }

  close(id: number): void {
    this.items = this.items.filter((notice) => notice.id !== id);
  }
}

export const notices = new Notices();
