// SPDX-License-Identifier: MIT
// How long an entry is to hold, as offered.

export const DURATIONS: readonly [seconds: number, label: string][] = [
  [0, "for ever"],
  [600, "for 10 minutes"],
  [3600, "for an hour"],
  [86400, "for a day"],
  [604800, "for a week"],
];
