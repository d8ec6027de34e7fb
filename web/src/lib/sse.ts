// SPDX-License-Identifier: MIT
// Server-sent events from a byte stream (https://html.spec.whatwg.org/multipage/server-sent-events.html).
// EventSource can't carry a token, hence this.

export interface Message {
  event: string; // "" for the unnamed ones
  data: string;
  id: string; // "" if it has none
}

const LINE_MAX = 1 << 20; // what has no line end by then is no event stream

export class SseParser {
  #rest = "";
  #event = "";
  #data: string[] = [];
  #id = "";
  retryMs = 0;

  /** Takes the next piece of text, hands out the messages that it completes. */
  push(text: string): Message[] {
    const messages: Message[] = [];
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?=[^\n])/);
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > LINE_MAX) throw new Error("a line without an end");
    for (const line of lines) {
      if (line === "") this.#dispatch(messages);
      else this.#field(line);
    }
    return messages;
  }

  #dispatch(messages: Message[]): void {
    if (this.#data.length > 0)
      messages.push({ event: this.#event, data: this.#data.join("\n"), id: this.#id });
    this.#event = "";
    this.#data = [];
    this.#id = "";
  }

  #field(line: string): void {
    const colon = line.indexOf(":");
    if (colon === 0) return; // a comment: the heartbeat
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") this.#event = value;
    else if (name === "data") this.#data.push(value);
    else if (name === "id" && !value.includes("\0")) this.#id = value;
    else if (name === "retry" && /^\d+$/.test(value)) this.retryMs = Number(value);
  }
}
