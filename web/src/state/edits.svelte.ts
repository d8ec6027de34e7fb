// SPDX-License-Identifier: MIT
// Changing the lists from anywhere on the page. `version` tells who shows them that they changed.

import { ApiError } from "../lib/api";
import { CONFIRM_SEC } from "../lib/durations";
import { secondsUntil } from "../lib/format";
import type { Addition, Change, ListEntry, ListName } from "../lib/types";
import { notices } from "./notices.svelte";
import { api } from "./session.svelte";
import { token } from "./token.svelte";

const DONE: Record<ListName, [added: string, removed: string]> = {
  blacklist: ["blocked", "no longer blocked"],
  whitelist: ["always allowed", "no longer on the whitelist"],
};

class Edits {
  version = $state(0);

  async add(list: ListName, entry: Addition): Promise<Change> {
    const change = await insisting(() => api.add(list, entry));
    this.version++;
    const done = `${change.ip} is ${change.changed ? "" : "already "}${DONE[list][0]}`;
    if (entry.confirm && change.changed)
      notices.say(
        `${done}, for ${entry.confirm} s unless you keep it`,
        "done",
        { label: "Keep", run: () => void this.confirm(list, change.ip) },
        entry.confirm * 1000, // as long as it can be kept
      );
    else notices.say(done);
    return change;
  }

  /** Removes, and offers the way back. */
  async remove(list: ListName, entry: ListEntry): Promise<void> {
    try {
      await insisting(() => api.remove(list, entry.ip));
    } catch (error) {
      notices.say((error as ApiError).message, "error");
      return;
    }
    this.version++;
    notices.say(`${entry.ip} is ${DONE[list][1]}`, "done", {
      label: "Undo",
      run: () => void this.#putBack(list, entry),
    });
  }

  async confirm(list: ListName, ip: string): Promise<void> {
    try {
      await insisting(() => api.confirm(list, ip));
      this.version++;
      notices.say(`${ip} stays`);
    } catch (error) {
      notices.say((error as ApiError).message, "error");
    }
  }

  async #putBack(list: ListName, entry: ListEntry): Promise<void> {
    const left = entry.expires ? Math.ceil(secondsUntil(entry.expires, Date.now())) : 0;
    if (entry.expires && left <= 0) {
      notices.say(`${entry.ip} would have expired by now`);
      return;
    }
    const { ip, comment } = entry;
    const again: Addition = { ip, force: true };
    if (comment) again.comment = comment;
    if (left && !entry.confirm_by) again.ttl = left;
    if (entry.confirm_by) again.confirm = CONFIRM_SEC;
    await this.add(list, again).catch((error: ApiError) => notices.say(error.message, "error"));
  }
}

/** A person waits for this one: ask for the token even if it was declined before. */
async function insisting<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if ((error as ApiError).status !== 401 || !(await token.ask("", true))) throw error;
    return await work();
  }
}

export const edits = new Edits();
