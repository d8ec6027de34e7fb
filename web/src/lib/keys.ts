// SPDX-License-Identifier: MIT
// The key of a shortcut: "" while somebody writes, in a dialog, or with a modifier that is the
// browser's.

export function keyOf(event: KeyboardEvent): string {
  if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return "";
  const target = event.target as HTMLElement | null;
  if (event.key === "Escape") return target?.closest?.("dialog") ? "" : "Escape";
  if (target?.closest?.("input, select, textarea, dialog, [contenteditable]")) return "";
  return event.key;
}
