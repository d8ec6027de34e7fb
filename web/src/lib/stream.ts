// SPDX-License-Identifier: MIT
// The live stream: a fetch that is read as it comes, and begun again when it ends, with the number
// of the last event that arrived, so that nothing comes twice and what is still held comes at all.

import { SseParser, type Message } from "./sse";

export type StreamState = "connecting" | "live" | "waiting" | "refused" | "stopped";

export interface StreamOptions {
  url: string;
  headers: () => Record<string, string>;
  onMessages: (messages: Message[]) => void;
  /** `detail`: why it isn't live, for people. */
  onState: (state: StreamState, detail: string) => void;
  /** Asked on 401: is there now a token to try with? */
  askToken?: () => Promise<boolean>;
  fetch?: typeof fetch;
  silenceMs?: number; // the server says something every 15 s
  delayMs?: (failures: number) => number;
}

const backoff = (failures: number) => Math.min(10_000, 500 * 2 ** Math.min(failures, 6));

export class LiveStream {
  #options: StreamOptions;
  #stop: AbortController | null = null;
  #lastId = "";
  #failures = 0;

  constructor(options: StreamOptions) {
    this.#options = options;
  }

  get running(): boolean {
    return this.#stop !== null;
  }

  start(): void {
    if (this.#stop) return;
    this.#stop = new AbortController();
    void this.#run(this.#stop.signal);
  }

  stop(): void {
    this.#stop?.abort();
    this.#stop = null;
    this.#options.onState("stopped", "");
  }

  async #run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      this.#options.onState("connecting", "");
      const why = await this.#once(stop).catch(() => "ntc does not answer");
      if (stop.aborted) return;
      if (why === null) continue; // there is a token now
      this.#options.onState(why.startsWith("!") ? "refused" : "waiting", why.replace(/^!/, ""));
      const delay = (this.#options.delayMs ?? backoff)(this.#failures++);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, delay);
        stop.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
      });
    }
  }

  /** One connection. Resolves to why it ended; null: try again at once; "!...": refused. */
  async #once(stop: AbortSignal): Promise<string | null> {
    const { url, headers, askToken } = this.#options;
    const connection = new AbortController();
    const abort = () => connection.abort();
    stop.addEventListener("abort", abort, { once: true });
    try {
      const response = await (this.#options.fetch ?? fetch)(url, {
        headers: { ...headers(), ...(this.#lastId ? { "Last-Event-ID": this.#lastId } : {}) },
        signal: connection.signal,
        cache: "no-store",
      });
      if (response.status === 401 && (await askToken?.())) return null;
      if (!response.ok || !response.body) return `!${await reasonOf(response)}`;
      await this.#read(response.body, connection);
      return "ntc ended the stream";
    } finally {
      stop.removeEventListener("abort", abort);
      connection.abort();
    }
  }

  async #read(body: ReadableStream<Uint8Array>, connection: AbortController): Promise<void> {
    const parser = new SseParser();
    const decoder = new TextDecoder();
    const reader = body.getReader();
    for (;;) {
      const silence = setTimeout(() => connection.abort(), this.#options.silenceMs ?? 40_000);
      const { done, value } = await reader.read().finally(() => clearTimeout(silence));
      if (done || connection.signal.aborted) return;
      this.#failures = 0;
      this.#options.onState("live", "");
      this.#take(parser.push(decoder.decode(value, { stream: true })));
    }
  }

  #take(messages: Message[]): void {
    for (const message of messages) if (message.id) this.#lastId = message.id;
    if (messages.length > 0) this.#options.onMessages(messages);
  }
}

async function reasonOf(response: Response): Promise<string> {
  try {
    return ((await response.json()) as { message: string }).message;
  } catch {
    return `ntc answered with ${response.status}`;
  }
}
