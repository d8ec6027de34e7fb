// SPDX-License-Identifier: MIT
// The daemon as this page knows it: its status, whether it answers, its time zone, the time.

import { Api, ApiError } from "../lib/api";
import { poll } from "../lib/poll";
import type { Alert, Status } from "../lib/types";
import { token } from "./token.svelte";

export const api = new Api({
  token: () => token.value,
  askToken: (sent) => token.ask(sent),
});

const STATUS_MS = 2000;
const ALERTS_MS = 10_000;

class Session {
  status = $state.raw<Status | null>(null);
  previous = $state.raw<{ status: Status; at: number } | null>(null);
  readAt = $state(0);
  /** Why there is no fresh status; "" while all is well. */
  trouble = $state("");
  /** It is that the token is missing, and was not given when asked for. */
  locked = $state(false);
  now = $state(Date.now());
  /** null: not known yet; false: this daemon looks for nothing. */
  hasAlerts = $state<boolean | null>(null);
  alerts = $state.raw<Alert[]>([]);

  get zone(): string {
    return this.status?.timezone ?? "UTC";
  }

  start(): () => void {
    const clock = setInterval(() => (this.now = Date.now()), 1000);
    const stops = [
      poll(() => this.#readStatus(), STATUS_MS),
      poll(() => this.readAlerts(), ALERTS_MS),
    ];
    return () => {
      clearInterval(clock);
      stops.forEach((stop) => stop());
    };
  }

  async #readStatus(): Promise<void> {
    try {
      const status = await api.status();
      if (this.status) this.previous = { status: this.status, at: this.readAt };
      this.status = status;
      this.readAt = Date.now();
      this.trouble = "";
      this.locked = false;
    } catch (error) {
      const { status, message } = error as ApiError;
      this.locked = status === 401;
      this.trouble = this.locked ? "from another machine this needs the token" : message;
    }
  }

  async unlock(): Promise<void> {
    if (await token.ask("", true)) await this.#readStatus();
  }

  async readAlerts(): Promise<void> {
    if (this.hasAlerts === false) return;
    try {
      this.alerts = (await api.alerts({ limit: 500 })).alerts;
      this.hasAlerts = true;
    } catch (error) {
      if ((error as ApiError).status === 404) this.hasAlerts = false;
      else throw error;
    }
  }
}

export const session = new Session();
