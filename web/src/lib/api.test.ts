// SPDX-License-Identifier: MIT
import { expect, test, vi } from "vitest";
import { Api, ApiError, url } from "./api";

const json = (value: unknown, status = 200) => new Response(JSON.stringify(value), { status });

test("queries leave out what is not set, and escape what is", () => {
  expect(url("/flows", { ip: "2001:db8::/32", q: "", limit: undefined, port: 0 })).toBe(
    "/flows?ip=2001%3Adb8%3A%3A%2F32&port=0",
  );
  expect(url("/status")).toBe("/status");
});

test("a refusal is the server's own words", async () => {
  const api = new Api({
    fetch: async () =>
      json({ ok: false, error: "protected", message: "127.0.0.1 is loopback" }, 409),
  });
  await expect(api.add("blacklist", { ip: "127.0.0.1" })).rejects.toMatchObject({
    status: 409,
    code: "protected",
    message: "127.0.0.1 is loopback",
  });
});

test("what is no JSON, and nobody there, are errors too", async () => {
  const broken = new Api({ fetch: async () => new Response("<h1>", { status: 502 }) });
  await expect(broken.status()).rejects.toMatchObject({ status: 502 });
  const alone = new Api({ fetch: () => Promise.reject(new TypeError("failed")) });
  await expect(alone.status()).rejects.toBeInstanceOf(ApiError);
});

test("writes are JSON; a removal names its address in the query", async () => {
  const fetch = vi.fn<typeof globalThis.fetch>(async () => json({ ok: true }));
  const api = new Api({ fetch });
  await api.add("whitelist", { ip: "::1", ttl: 5 });
  await api.remove("blacklist", "10.0.0.0/8");
  const [[addPath, add], [removePath, remove]] = fetch.mock.calls as [
    [string, RequestInit],
    [string, RequestInit],
  ];
  expect([addPath, add.method, add.body]).toEqual(["/whitelist", "POST", '{"ip":"::1","ttl":5}']);
  expect(add.headers).toMatchObject({ "Content-Type": "application/json" });
  expect([removePath, remove.method]).toEqual(["/blacklist?ip=10.0.0.0%2F8", "DELETE"]);
});

test("401 asks for the token and tries again with it, never in the address", async () => {
  let token = "";
  const paths: string[] = [];
  const fetch = vi.fn<typeof globalThis.fetch>(async (path, init) => {
    paths.push(String(path));
    const given = (init?.headers as Record<string, string>)["Authorization"];
    return given === "Bearer right" ? json({ ok: true }) : json({ message: "the token" }, 401);
  });
  const answers = ["wrong", "right"];
  const askToken = vi.fn(async () => {
    token = answers.shift() ?? "";
    return token !== "";
  });
  await new Api({ fetch, token: () => token, askToken }).remove("blacklist", "::1");
  expect(askToken.mock.calls).toEqual([[""], ["wrong"]]);
  expect(paths.join()).not.toMatch(/wrong|right/);
  answers.length = 0;
  token = "";
  await expect(new Api({ fetch, token: () => token, askToken }).status()).rejects.toMatchObject({
    status: 401,
  });
});
