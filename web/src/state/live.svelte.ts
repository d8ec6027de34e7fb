// SPDX-License-Identifier: MIT
// The live stream and what is held of it. The buffer is no reactive state: at thousands of events a
// second it is looked at ten times a second, by whoever raises `tick`.

import { untrack } from "svelte";
import { LiveBuffer } from "../lib/live-buffer";
import type { Message } from "../lib/sse";
import { LiveStream, type StreamState } from "../lib/stream";
import type { Alert, PacketEvent } from "../lib/types";
import { notices } from "./notices.svelte";
import { api, session } from "./session.svelte";
import { token } from "./token.svelte";

const DRAW_MS = 100;
const LIMIT_KEY = "ntc-live-limit";
export const LIMITS = [500, 2000, 10_000, 50_000] as const;

class Live {
  buffer = new LiveBuffer(Number(localStorage.getItem(LIMIT_KEY)) || 2000);
  tick = $state(0);
  state = $state<StreamState>("stopped");
  detail = $state("");
  perSecond = $state(0);
  #drawing: ReturnType<typeof setInterval> | undefined;
  #counted = { at: 0, received: 0 };
  #changed = false;
  #sent = ""; // the token of the last attempt
  #stream = new LiveStream({
    url: "/events",
    headers: () => {
      this.#sent = token.value;
      return api.headers();
    },
    onMessages: (messages) => this.#take(messages),
    onState: (state, detail) => {
      if (state !== this.state) this.state = state;
      this.detail = detail;
    },
    askToken: () => token.ask(this.#sent),
  });

  start(): () => void {
    this.#stream.start();
    this.#drawing = setInterval(() => this.#draw(), DRAW_MS);
    return () => {
      this.#stream.stop();
      clearInterval(this.#drawing);
    };
  }

  /** Also called from effects, which must not depend on what they raise. */
  touch(): void {
    untrack(() => this.tick++);
  }

  toggle(): void {
    if (this.buffer.paused) this.buffer.resume();
    else this.buffer.pause();
    this.touch();
  }

  clear(): void {
    this.buffer.clear();
    this.#counted = { at: 0, received: 0 };
    this.touch();
  }

  resize(limit: number): void {
    this.buffer.resize(limit);
    localStorage.setItem(LIMIT_KEY, String(limit));
    this.touch();
  }

  #draw(): void {
    const now = performance.now();
    const { at, received } = this.#counted;
    if (now - at >= 1000) {
      const rate = at ? ((this.buffer.received - received) * 1000) / (now - at) : 0;
      this.perSecond = Math.round(Math.max(0, rate));
      this.#counted = { at: now, received: this.buffer.received };
    }
    if (this.#changed) this.touch();
    this.#changed = false;
  }

  #take(messages: Message[]): void {
    for (const { event, data } of messages) {
      const value: unknown = JSON.parse(data);
      if (event === "") this.buffer.push({ packet: value as PacketEvent });
      else if (event === "gap")
        this.buffer.push({ gap: (value as { packets: number | null }).packets });
      else if (event === "alert") this.#alert(value as Alert);
    }
    this.#changed = true;
  }

  #alert(alert: Alert): void {
    notices.say(alert.message, "alert");
    void session.readAlerts().catch(() => undefined);
  }
}

export const live = new Live();
