// SPDX-License-Identifier: MIT
// Where one is: #live?q=action:DROP&ip=192.0.2.1. `ip` opens that address beside any view.

export const VIEWS = ["overview", "live", "flows", "lists", "alerts"] as const;
export type View = (typeof VIEWS)[number];

export interface Route {
  view: View;
  parameters: Record<string, string>;
}

export function parseRoute(hash: string): Route {
  const [name = "", search = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const view = VIEWS.find((one) => one === name) ?? "overview";
  return { view, parameters: Object.fromEntries(new URLSearchParams(search)) };
}

export function formatRoute({ view, parameters }: Route): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) if (value) search.set(key, value);
  const text = search.toString();
  return text ? `#${view}?${text}` : `#${view}`;
}
