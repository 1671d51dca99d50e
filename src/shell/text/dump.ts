/** od, hexdump, xxd: bytes in other writing. */
import { defineTextTool, parseShort } from './tool.ts';
import { utf8Bytes } from './words.ts';

interface State {
  /** How a line of up to 16 bytes is written behind its address. */
  readonly style: 'octal-words' | 'characters' | 'hex-bytes' | 'hex-words' | 'canonical' | 'xxd' | 'plain';
  readonly addresses: 'o' | 'x' | 'd' | 'n';
  readonly limit: number;
  readonly skip: number;
  text: string;
}

const ESCAPES: Readonly<Record<number, string>> = { 0: '\\0', 7: '\\a', 8: '\\b', 9: '\\t', 10: '\\n', 11: '\\v', 12: '\\f', 13: '\\r' };
const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
const printable = (bytes: readonly number[]): string => bytes.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('');
const words = (bytes: readonly number[]): number[] =>
  Array.from({ length: Math.ceil(bytes.length / 2) }, (_, i) => (bytes[i * 2] ?? 0) | ((bytes[i * 2 + 1] ?? 0) << 8));

function lineOf(style: State['style'], bytes: readonly number[]): string {
  switch (style) {
    case 'octal-words':
      return words(bytes)
        .map((word) => ` ${word.toString(8).padStart(6, '0')}`)
        .join('');
    case 'hex-words':
      return words(bytes)
        .map((word) => ` ${hex(word, 4)}`)
        .join('');
    case 'hex-bytes':
      return bytes.map((byte) => ` ${hex(byte, 2)}`).join('');
    case 'characters':
      return bytes
        .map((byte) => (ESCAPES[byte] ?? (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : byte.toString(8).padStart(3, '0'))).padStart(4))
        .join('');
    case 'canonical': {
      const half = (from: number): string =>
        bytes
          .slice(from, from + 8)
          .map((byte) => ` ${hex(byte, 2)}`)
          .join('')
          .padEnd(24);
      return ` ${half(0)} ${half(8)}  |${printable(bytes)}|`;
    }
    default: {
      const pairs = Array.from({ length: 8 }, (_, i) =>
        bytes
          .slice(i * 2, i * 2 + 2)
          .map((byte) => hex(byte, 2))
          .join(''),
      );
      return `: ${pairs.join(' ').trimEnd().padEnd(39)}  ${printable(bytes)}`;
    }
  }
}

function print(state: State): string {
  const bytes = utf8Bytes(state.text).slice(state.skip, state.limit < 0 ? undefined : state.skip + state.limit);
  if (state.style === 'plain')
    return `${bytes
      .map((byte) => hex(byte, 2))
      .join('')
      .replace(/.{60}(?=.)/g, '$&\n')}${bytes.length === 0 ? '' : '\n'}`;
  const digits = state.style === 'canonical' || state.style === 'xxd' ? 8 : 7;
  const address = (at: number): string => (state.addresses === 'n' ? '' : at.toString({ o: 8, x: 16, d: 10 }[state.addresses]).padStart(digits, '0'));
  let out = '';
  let last = '';
  let starred = false;
  for (let at = 0; at < bytes.length; at += 16) {
    const piece = bytes.slice(at, at + 16);
    const line = lineOf(state.style, piece);
    // Lines like the one before are told once.
    if (line === last && piece.length === 16 && state.style !== 'xxd') {
      if (!starred) out += '*\n';
      starred = true;
      continue;
    }
    starred = false;
    last = line;
    out += `${address(state.skip + at)}${line}\n`;
  }
  const hasEnd = state.style !== 'xxd' && state.addresses !== 'n' && (bytes.length > 0 || state.addresses === 'o');
  return hasEnd ? `${out}${address(state.skip + bytes.length)}\n` : out;
}

const defineDump = (
  name: string,
  summary: string,
  flags: string,
  valued: string,
  read: (options: ReadonlyMap<string, string>) => Pick<State, 'style' | 'addresses'>,
) =>
  defineTextTool<State>({
    name,
    summary,
    parse: (argv) => {
      const parsed = parseShort(name, argv, flags, valued);
      if ('error' in parsed) return parsed;
      const count = parsed.options.get(name === 'od' ? 'N' : name === 'xxd' ? 'l' : 'n');
      const skip = parsed.options.get(name === 'od' ? 'j' : 's');
      return { state: { ...read(parsed.options), limit: count === undefined ? -1 : Number(count), skip: Number(skip ?? 0), text: '' }, files: parsed.rest };
    },
    data: (state, text) => {
      state.text += text;
      return undefined;
    },
    end: (state, io) => {
      io.out(print(state));
      return 0;
    },
  });

export const od = defineDump('od', 'bytes in octal (-c characters, -x words, -t x1, -A n)', 'cxv', 'tANj', (options) => {
  const base = options.get('A') ?? 'o';
  const type = options.get('t') ?? '';
  return {
    style: options.has('c') || type === 'c' ? 'characters' : type === 'x1' ? 'hex-bytes' : options.has('x') || type === 'x2' ? 'hex-words' : 'octal-words',
    addresses: base === 'n' || base === 'x' || base === 'd' ? base : 'o',
  };
});
export const hexdump = defineDump('hexdump', 'bytes in hexadecimal (-C with their characters)', 'Cvx', 'ns', (options) => ({
  style: options.has('C') ? 'canonical' : 'hex-words',
  addresses: 'x',
}));
export const xxd = defineDump('xxd', 'bytes in hexadecimal with their characters (-p plain)', 'pu', 'lscg', (options) => ({
  style: options.has('p') ? 'plain' : 'xxd',
  addresses: 'x',
}));
