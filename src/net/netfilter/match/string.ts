/** -m string: bytes anywhere in the packet. Linux: net/netfilter/xt_string.c */
import { encodeIp } from '../../wire/encode.ts';
import { encodeUtf8 } from '../../wire/utf8.ts';
import { defineMatch, type RuleError } from '../definition.ts';
import { numberOption } from '../options.ts';

const MAX_PATTERN = 128;

/** `|0a 0d|abc`: text with hexadecimal bytes between bars; `\` takes the next character as it is. */
function parseHexString(text: string): number[] | RuleError {
  const bytes: number[] = [];
  let hex = false;
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i] as string;
    if (c === '\\' && i + 1 < text.length) {
      i += 1;
      bytes.push(text.charCodeAt(i) & 255);
    } else if (c === '|') hex = !hex;
    else if (!hex) bytes.push(text.charCodeAt(i) & 255);
    else if (c !== ' ') {
      const bad = [c, text[i + 1] ?? ''].find((d) => !/^[0-9a-f]$/i.test(d));
      if (bad !== undefined) return { error: `Invalid hex char '${bad}'` };
      bytes.push(Number.parseInt(text.slice(i, i + 2), 16));
      i += 1;
    }
  }
  return bytes;
}

const isPrintable = (bytes: readonly number[]): boolean => bytes.every((b) => b >= 0x20 && b < 0x7f && b !== 0x5c && b !== 0x22 && b !== 0x7c);
const lower = (byte: number): number => (byte >= 65 && byte <= 90 ? byte + 32 : byte);

/** The first place of `pattern` that begins in [from, to], wholly within the packet. */
function found(packet: Uint8Array, pattern: readonly number[], from: number, to: number, icase: boolean): boolean {
  const last = Math.min(to, packet.length - pattern.length);
  for (let at = from; at <= last; at += 1) {
    let i = 0;
    while (i < pattern.length && (icase ? lower(packet[at + i] as number) === lower(pattern[i] as number) : packet[at + i] === pattern[i])) i += 1;
    if (i === pattern.length) return true;
  }
  return false;
}

export const string = defineMatch({
  name: 'string',
  options: [
    { name: 'from', values: 1 },
    { name: 'to', values: 1 },
    { name: 'algo', values: 1, mandatory: true },
    { name: 'string', values: 1, invertible: true, excludes: ['hex-string'] },
    { name: 'hex-string', values: 1, invertible: true, excludes: ['string'] },
    { name: 'icase', values: 0 },
  ],
  build(given) {
    const wanted = given.get('string') ?? given.get('hex-string');
    if (wanted === undefined) return { error: "STRING match: You must specify `--string' or `--hex-string'" };
    const algorithm = given.get('algo')?.values[0] ?? '';
    if (algorithm !== 'bm' && algorithm !== 'kmp' && algorithm !== 'fsm') return { error: 'No such file or directory', kernel: true };
    const from = numberOption('string', 'from', given.get('from')?.values[0] ?? '0', 0, 65535);
    const to = numberOption('string', 'to', given.get('to')?.values[0] ?? '65535', 0, 65535);
    if (typeof from !== 'number') return from;
    if (typeof to !== 'number') return to;
    const text = wanted.values[0] as string;
    const bytes = given.has('string') ? [...encodeUtf8(text)] : parseHexString(text);
    if ('error' in bytes) return bytes;
    if (bytes.length === 0) return { error: 'STRING must contain at least one char' };
    if (bytes.length > MAX_PATTERN) return { error: `STRING too long "${text}"` };
    const icase = given.has('icase');
    const negated = wanted.negated;
    const printable = isPrintable(bytes);
    const shown = printable ? String.fromCharCode(...bytes) : `|${bytes.map((b) => b.toString(16).padStart(2, '0')).join('')}|`;
    const words = [`${negated ? '! ' : ''}--${printable ? 'string' : 'hex-string'} "${shown}"`, `--algo ${algorithm}`];
    if (from !== 0) words.push(`--from ${from}`);
    if (to !== 65535) words.push(`--to ${to}`);
    if (icase) words.push('--icase');
    return {
      name: 'string',
      text: words.join(' '),
      listing: `STRING match ${negated ? '!' : ''} "${shown}" ALGO name ${algorithm}${from === 0 ? '' : ` FROM ${from}`}${to === 65535 ? '' : ` TO ${to}`}${icase ? ' ICASE' : ''}`,
      test: ({ skb }) => found(encodeIp(skb), bytes, from, to, icase) !== negated,
    };
  },
});
