// SPDX-License-Identifier: MIT
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Message } from "./sse";
import { LiveStream, type StreamState } from "./stream";

function body(...texts: string[]): Response {
  const encoder = new TextEncoder();
  return new Response(
    new ReadableStream({
      start(controller) {
        for (const text of texts) controller.enqueue(encoder.encode(text));
        controller.close();
      },
    }),
  );
}

interface Setup {
  answers: (() => Response | Promise<Response>)[];
  askToken?: () => Promise<boolean>;
}

function follow({ answers, askToken }: Setup) {
  const messages: Message[] = [];
  const states: StreamState[] = [];
  const requests: Record<string, string>[] = [];
  const stream: LiveStream = new LiveStream({
    url: "/events",
    headers: () => ({ Authorization: "Bearer t" }),
    onMessages: (some) => messages.push(...some),
    onState: (state) => states.push(state),
    askToken,
    delayMs: () => 1,
    fetch: async (_url, init) => {
      requests.push(init?.headers as Record<string, string>);
      const answer = answers[requests.length - 1];
      if (answer) return answer();
      setTimeout(() => stream.stop(), 0);
      throw new Error("nobody there");
    },
  });
  stream.start();
  return { stream, messages, states, requests };
}

const until = (what: () => boolean) => vi.waitFor(() => expect(what()).toBe(true));

describe("LiveStream", () => {
  afterEach(() => vi.useRealTimers());

  test("goes on after the last number it saw", async () => {
    const { messages, requests, states, stream } = follow({
      answers: [
        () => body("id: 4\ndata: a\n\nid: 5\nda", "ta: b\n\nid: 6\ndata: cut o"),
        () => body("id: 6\ndata: c\n\n"),
      ],
    });
    await until(() => !stream.running);
    expect(messages.map((message) => message.data)).toEqual(["a", "b", "c"]);
    expect(requests[0]!["Last-Event-ID"]).toBeUndefined();
    expect(requests[1]!["Last-Event-ID"]).toBe("5");
    expect(requests[2]!["Last-Event-ID"]).toBe("6");
    expect(requests[0]!["Authorization"]).toBe("Bearer t");
    expect(states).toContain("live");
    expect(states.at(-1)).toBe("stopped");
  });

  test("a refusal is told in the server's words, and tried again", async () => {
    const details: string[] = [];
    const refusal = { ok: false, error: "unavailable", message: "too many clients" };
    let calls = 0;
    const stream = new LiveStream({
      url: "/events",
      headers: () => ({}),
      onMessages: () => undefined,
      onState: (state, detail) => details.push(`${state} ${detail}`),
      delayMs: () => 1,
      fetch: async () => {
        if (++calls === 3) stream.stop();
        return new Response(JSON.stringify(refusal), { status: 503 });
      },
    });
    stream.start();
    await until(() => !stream.running);
    expect(details).toContain("refused too many clients");
    expect(calls).toBe(3);
  });

  test("asks for the token on 401 and tries at once", async () => {
    const askToken = vi.fn(async () => true);
    const { messages, stream } = follow({
      answers: [() => new Response("{}", { status: 401 }), () => body("id: 1\ndata: in\n\n")],
      askToken,
    });
    await until(() => !stream.running);
    expect(askToken).toHaveBeenCalledOnce();
    expect(messages).toHaveLength(1);
  });

  test("silence ends a connection", async () => {
    let calls = 0;
    const stream = new LiveStream({
      url: "/events",
      headers: () => ({}),
      onMessages: () => undefined,
      onState: () => undefined,
      delayMs: () => 1,
      silenceMs: 20,
      fetch: async (_url, init) => {
        if (++calls === 2) stream.stop();
        return new Response(
          new ReadableStream({
            start: (controller) =>
              init?.signal?.addEventListener("abort", () => controller.error(new Error("aborted"))),
          }),
        );
      },
    });
    stream.start();
    await until(() => calls === 2);
    expect(stream.running).toBe(false);
  });
});
