// SPDX-License-Identifier: MIT
// Addresses and prefixes, as far as the page must understand them: which contains which. What is
// valid is for the server to say.

export interface Prefix {
  bits: bigint;
  width: 32 | 128;
  length: number;
}

function parse4(text: string): bigint | null {
  const parts = text.split(".");
  if (parts.length !== 4) return null;
  let bits = 0n;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return null;
    bits = (bits << 8n) | BigInt(part);
  }
  return bits;
}

function groups(text: string): number[] | null {
  if (text === "") return [];
  const found: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    const v4 = i === parts.length - 1 && part.includes(".") ? parse4(part) : null;
    if (v4 !== null) found.push(Number(v4 >> 16n), Number(v4 & 0xffffn));
    else if (/^[0-9a-fA-F]{1,4}$/.test(part)) found.push(parseInt(part, 16));
    else return null;
  }
  return found;
}

function parse6(text: string): bigint | null {
  const halves = text.split("::");
  const head = groups(halves[0] ?? "");
  const tail = halves.length === 2 ? groups(halves[1] ?? "") : [];
  if (!head || !tail || halves.length > 2) return null;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  return [...head, ...Array<number>(missing).fill(0), ...tail].reduce(
    (bits, group) => (bits << 16n) | BigInt(group),
    0n,
  );
}

export function parsePrefix(text: string): Prefix | null {
  const [address = "", length, more] = text.split("/");
  if (more !== undefined || (length !== undefined && !/^\d{1,3}$/.test(length))) return null;
  const v4 = parse4(address);
  const bits = v4 ?? (address.includes(":") ? parse6(address) : null);
  const width = v4 === null ? 128 : 32;
  if (bits === null || Number(length ?? 0) > width) return null;
  return { bits, width, length: length === undefined ? width : Number(length) };
}

export function contains(outer: Prefix, inner: Prefix): boolean {
  if (outer.width !== inner.width || outer.length > inner.length) return false;
  const shift = BigInt(outer.width - outer.length);
  return outer.bits >> shift === inner.bits >> shift;
}

/** Does the prefix `outer` cover the address or prefix `inner`? */
export function covers(outer: string, inner: string): boolean {
  const a = parsePrefix(outer);
  const b = parsePrefix(inner);
  return a !== null && b !== null && contains(a, b);
}

/** Address and port as one writes them: 192.0.2.1:443, [2001:db8::1]:443. */
export function endpoint(ip: string, port: number): string {
  if (port === 0) return ip;
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}
