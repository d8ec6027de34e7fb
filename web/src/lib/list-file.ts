// SPDX-License-Identifier: MIT
// Lists as files: text (an address or prefix a line, "#" begins a comment) or JSON (what ntc
// exports, its /blacklist answers, or a plain array of addresses).

import { parsePrefix } from "./ip";
import type { Addition, ListEntry } from "./types";

export interface ParsedFile {
  entries: Addition[];
  /** What is no address, with where it stands. */
  bad: { line: number; text: string }[];
}

function parseText(text: string): ParsedFile {
  const result: ParsedFile = { entries: [], bad: [] };
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    const [before = "", ...comment] = line.split(/[#;]/);
    const ip = before.trim();
    if (ip === "") continue;
    if (parsePrefix(ip)) {
      const note = comment.join("#").trim().slice(0, 200);
      result.entries.push(note ? { ip, comment: note } : { ip });
    } else result.bad.push({ line: i + 1, text: ip.slice(0, 80) });
  }
  return result;
}

function entryOf(item: unknown, now: number): Addition | null {
  if (typeof item === "string") return parsePrefix(item) ? { ip: item } : null;
  if (typeof item !== "object" || item === null) return null;
  const { ip, comment, expires } = item as Partial<ListEntry>;
  if (typeof ip !== "string" || !parsePrefix(ip)) return null;
  const entry: Addition = { ip };
  if (typeof comment === "string" && comment) entry.comment = comment;
  if (typeof expires === "string") {
    const ttl = Math.ceil((Date.parse(expires) - now) / 1000);
    if (!(ttl > 0)) return null;
    entry.ttl = ttl;
  }
  return entry;
}

function parseJson(value: unknown, now: number): ParsedFile {
  const inner = Array.isArray(value)
    ? value
    : ((value as { entries?: unknown } | null)?.entries ?? value);
  const result: ParsedFile = { entries: [], bad: [] };
  for (const [i, item] of (Array.isArray(inner) ? inner : [inner]).entries()) {
    const entry = entryOf(item, now);
    if (entry) result.entries.push(entry);
    else result.bad.push({ line: i + 1, text: JSON.stringify(item)?.slice(0, 80) ?? "" });
  }
  return result;
}

export function parseListFile(text: string, now: number): ParsedFile {
  if (!/^\s*[[{]/.test(text)) return parseText(text);
  try {
    return parseJson(JSON.parse(text), now);
  } catch {
    return parseText(text);
  }
}

export function formatText(entries: readonly ListEntry[]): string {
  return entries
    .map(({ ip, comment }) => {
      const note = comment.replace(/\s+/g, " ").trim();
      return note ? `${ip} # ${note}\n` : `${ip}\n`;
    })
    .join("");
}

export function formatJson(entries: readonly ListEntry[]): string {
  return `${JSON.stringify({ entries }, null, 1)}\n`;
}

export interface Outcome {
  done: number;
  added: number;
  known: number;
  refused: { ip: string; message: string }[];
}

/** Adds all entries, `width` at a time; tells how far it is. Stops when told to. */
export async function addAll(
  entries: readonly Addition[],
  add: (entry: Addition) => Promise<{ changed: boolean }>,
  progress: (outcome: Outcome) => void,
  stop: AbortSignal,
  width = 8,
): Promise<Outcome> {
  const outcome: Outcome = { done: 0, added: 0, known: 0, refused: [] };
  let next = 0;
  const work = async () => {
    while (next < entries.length && !stop.aborted) {
      const entry = entries[next++]!;
      try {
        if ((await add(entry)).changed) outcome.added++;
        else outcome.known++;
      } catch (error) {
        outcome.refused.push({ ip: entry.ip, message: (error as Error).message });
      }
      outcome.done++;
      progress(outcome);
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  return outcome;
}
