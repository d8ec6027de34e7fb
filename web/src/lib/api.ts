// SPDX-License-Identifier: MIT
// The one door to ntc. Every refusal becomes an ApiError with the server's own words; 401 asks for
// the token once and tries again.

import type {
  Addition,
  AlertPage,
  Change,
  FlowPage,
  History,
  ListName,
  ListPage,
  Status,
  TalkerPage,
} from "./types";

export class ApiError extends Error {
  constructor(
    readonly status: number, // 0: nobody answered
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export type Query = Record<string, string | number | undefined>;

export interface ApiOptions {
  fetch?: typeof fetch;
  token?: () => string;
  /** Asked on 401, with the token that was sent. Resolves to whether there is another one to try again with. */
  askToken?: (sent: string) => Promise<boolean>;
  timeoutMs?: number;
}

export function url(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query))
    if (value !== undefined && value !== "") search.set(key, String(value));
  const text = search.toString();
  return text ? `${path}?${text}` : path;
}

async function errorOf(response: Response): Promise<ApiError> {
  const fallback = `ntc answered with ${response.status} ${response.statusText}`.trim();
  try {
    const { error, message } = (await response.json()) as { error?: string; message?: string };
    return new ApiError(response.status, error ?? "unknown", message ?? fallback);
  } catch {
    return new ApiError(response.status, "unknown", fallback);
  }
}

export class Api {
  #fetch: typeof fetch;
  #options: ApiOptions;

  constructor(options: ApiOptions = {}) {
    this.#options = options;
    this.#fetch = options.fetch ?? ((...request) => fetch(...request));
  }

  headers(): Record<string, string> {
    const token = this.#options.token?.();
    return token ? { Authorization: `Bearer ${token}` } : {};
  }

  async #send(path: string, init: RequestInit): Promise<Response> {
    const headers = { ...this.headers(), ...(init.headers as Record<string, string>) };
    const limit = AbortSignal.timeout(this.#options.timeoutMs ?? 20_000);
    try {
      return await this.#fetch(path, { ...init, headers, signal: limit, cache: "no-store" });
    } catch {
      throw new ApiError(0, "unreachable", "ntc does not answer");
    }
  }

  async request<T>(path: string, init: RequestInit = {}): Promise<T> {
    for (;;) {
      const token = this.#options.token?.() ?? "";
      const response = await this.#send(path, init);
      if (response.ok) return (await response.json()) as T;
      const error = await errorOf(response);
      const again = error.status === 401 && (await this.#options.askToken?.(token));
      if (!again) throw error;
    }
  }

  status = () => this.request<Status>("/status");
  history = (limit?: number) => this.request<History>(url("/history", { limit }));
  flows = (query: Query) => this.request<FlowPage>(url("/flows", query));
  talkers = (query: Query) => this.request<TalkerPage>(url("/talkers", query));
  alerts = (query: Query) => this.request<AlertPage>(url("/alerts", query));
  list = (name: ListName, query: Query) => this.request<ListPage>(url(`/${name}`, query));

  add(name: ListName, entry: Addition): Promise<Change> {
    return this.#post(`/${name}`, entry);
  }

  confirm(name: ListName, ip: string): Promise<Change> {
    return this.#post(`/${name}/confirm`, { ip });
  }

  remove(name: ListName, ip: string): Promise<Change> {
    return this.request<Change>(url(`/${name}`, { ip }), { method: "DELETE" });
  }

  #post<T>(path: string, body: unknown): Promise<T> {
    return this.request<T>(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  }
}
