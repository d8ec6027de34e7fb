// SPDX-License-Identifier: MIT
import { count } from "./format";
import type { Alert } from "./types";

export const KINDS: Record<string, string> = {
  "port-scan": "Port scan",
  "host-sweep": "Host sweep",
  "syn-flood": "SYN flood",
  volume: "Volume",
};

export function selectAlerts(alerts: readonly Alert[], kind: string, text: string): Alert[] {
  const wanted = text.trim().toLowerCase();
  return alerts.filter(
    (alert) =>
      (!kind || alert.kind === kind) &&
      (!wanted ||
        [alert.ip, alert.target ?? "", alert.message, alert.interface].some((field) =>
          field.toLowerCase().includes(wanted),
        )),
  );
}

export function concerning(alerts: readonly Alert[], ip: string): Alert[] {
  return alerts.filter((alert) => alert.ip === ip || alert.target === ip);
}

/** "12 ports, 3 hosts, 900 packets": what there is of it. */
export function alertFacts(alert: Alert): string {
  const facts: [number, string][] = [
    [alert.ports, "port"],
    [alert.hosts, "host"],
    [alert.packets, "packet"],
  ];
  return facts
    .filter(([n]) => n > 0)
    .map(([n, word]) => `${count(n)} ${word}${n === 1 ? "" : "s"}`)
    .join(", ");
}
