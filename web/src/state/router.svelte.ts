// SPDX-License-Identifier: MIT
import { untrack } from "svelte";
import { formatRoute, parseRoute, type View } from "../lib/route";

class Router {
  #route = $state(parseRoute(location.hash));

  constructor() {
    addEventListener("hashchange", () => (this.#route = parseRoute(location.hash)));
  }

  get view(): View {
    return this.#route.view;
  }

  get address(): string {
    return this.#route.parameters.ip ?? "";
  }

  /** What a view begins with. Not tracked: it is the view that changes it (see note()). */
  parameter(name: string): string {
    return untrack(() => this.#route.parameters[name] ?? "");
  }

  href(view: View): string {
    return formatRoute({ view, parameters: {} });
  }

  /** Opens an address beside the view; "" closes it. */
  open(ip: string): void {
    this.#go({ ip });
  }

  /** Notes what the view shows, without an entry in the browser's history. */
  note(parameters: Record<string, string>): void {
    const before = untrack(() => this.#route);
    const after = { ...before, parameters: { ...before.parameters, ...parameters } };
    if (formatRoute(after) === formatRoute(before)) return;
    this.#route = after;
    history.replaceState(null, "", formatRoute(after));
  }

  #go(parameters: Record<string, string>): void {
    const { view, parameters: before } = this.#route;
    location.hash = formatRoute({ view, parameters: { ...before, ...parameters } });
  }

  visit(view: View, parameters: Record<string, string> = {}): void {
    location.hash = formatRoute({ view, parameters });
  }
}

export const router = new Router();
