// SPDX-License-Identifier: MIT
// How long an entry is to hold, as offered.

/** How long one that may have cut off its author waits to be confirmed. */
export const CONFIRM_SEC = 60;

export const DURATIONS: readonly [seconds: number, label: string][] = [
  [0, "for ever"],
  [600, "for 10 minutes"],
  [3600, "for an hour"],
  [86400, "for a day"],
  [604800, "for a week"],
];
