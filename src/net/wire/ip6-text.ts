/** IPv6 addresses between text and sixteen bytes, as far as DNS records need them (RFC 4291 section 2.2, RFC 5952). */

/** Undefined when the text is no IPv6 address. */
export function parseIp6(text: string): Uint8Array | undefined {
  if (text.length < 2 || text.length > 45 || !/^[0-9a-fA-F:.]+$/.test(text)) return undefined;
  const gap = text.indexOf('::');
  if (gap >= 0 && text.indexOf('::', gap + 1) >= 0) return undefined;
  const head = groups(gap < 0 ? text : text.slice(0, gap), gap < 0);
  const tail = gap < 0 ? [] : groups(text.slice(gap + 2), true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (gap < 0 ? missing !== 0 : missing < 1) return undefined;
  const all = [...head, ...new Array<number>(Math.max(0, missing)).fill(0), ...tail];
  const bytes = new Uint8Array(16);
  all.forEach((group, i) => {
    bytes[i * 2] = group >> 8;
    bytes[i * 2 + 1] = group & 255;
  });
  return bytes;
}

function groups(text: string, mayEndInIp4: boolean): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const out: number[] = [];
  for (const [i, part] of parts.entries()) {
    if (part.includes('.')) {
      const quad = part.split('.').map(Number);
      if (!mayEndInIp4 || i !== parts.length - 1 || quad.length !== 4 || quad.some((byte) => !Number.isInteger(byte) || byte > 255)) return undefined;
      out.push(((quad[0] as number) << 8) | (quad[1] as number), ((quad[2] as number) << 8) | (quad[3] as number));
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined;
      out.push(Number.parseInt(part, 16));
    }
  }
  return out;
}

/** The canonical text: lower case, the longest run of at least two zero groups as `::`. */
export function formatIp6(bytes: Uint8Array): string {
  const all: number[] = [];
  for (let i = 0; i < 16; i += 2) all.push(((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0));
  let start = -1;
  let length = 1;
  for (let i = 0; i < 8; ) {
    let run = 0;
    while (i + run < 8 && all[i + run] === 0) run += 1;
    if (run > length) {
      start = i;
      length = run;
    }
    i += run + 1;
  }
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  return start < 0 ? hex(all) : `${hex(all.slice(0, start))}::${hex(all.slice(start + length))}`;
}
