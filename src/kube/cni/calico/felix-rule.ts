/** Felix' iptables rules and their names: each rule carries a hash of itself and all before it, long names are cut by a hash. Calico v3.30: felix/generictables, felix/hashutils, libcalico-go/lib/hash */
import type { Origin } from '../../../base/origin.ts';
import type { Rule } from '../../../net/records.ts';
import { sha224, sha256, utf8Bytes } from '../../service/kube-proxy-sha256.ts';

export interface FelixRule {
  /** In Felix' words, which the hash is made of: `--in-interface cali+`. */
  readonly match?: string;
  readonly action?: string;
  readonly comments?: readonly string[];
  /** Where it comes from when that is more exact than its chain's origin. */
  readonly origin?: Origin;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** RFC 4648 section 5, without padding. */
export function base64Url(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const word = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    for (let at = 0; at < Math.min(4, bytes.length - i + 1); at += 1) text += ALPHABET[(word >> (18 - 6 * at)) & 63];
  }
  return text;
}

const HASH_LENGTH = 16;
/** iptables has 29 characters, and a zero. */
const MAX_CHAIN_NAME = 28;
/** ipset has 32, and a zero. */
const MAX_SET_NAME = 31;
const MAX_COMMENT = 256;

/** What iptables-save prints for what Felix writes. */
const SHORT: readonly (readonly [RegExp, string])[] = [
  [/--in-interface /g, '-i '],
  [/--out-interface /g, '-o '],
  [/--source /g, '-s '],
  [/--destination /g, '-d '],
  [/--source-ports /g, '--sports '],
  [/--destination-ports /g, '--dports '],
  [/--jump /g, '-j '],
  [/--goto /g, '-g '],
];

const commentText = (comment: string): string => `-m comment --comment "${comment.replace(/[^\w @%+=:,./-]/g, '_').slice(0, MAX_COMMENT)}"`;

const known = new Map<string, readonly Rule[]>();
const MAX_KNOWN = 30_000;

/** The rules of a chain as they are written; equal chains of different nodes are one list. `hashName`: what the hash takes for the chain's name. */
export function hashedRules(chain: string, rules: readonly FelixRule[], hashName = chain): readonly Rule[] {
  const bodies = rules.map((rule) => [...(rule.comments ?? []).map(commentText), rule.match ?? '', rule.action ?? ''].filter((part) => part !== '').join(' '));
  const origins = rules.map((rule) => rule.origin?.objects.join(' ') ?? '').join('\n');
  const key = `${hashName}\n${bodies.join('\n')}\n${origins}`;
  let written = known.get(key);
  if (written === undefined) {
    let hash = sha224(utf8Bytes(hashName));
    written = bodies.map((body, i) => {
      const bytes = utf8Bytes(`-A ${hashName} HASH${body === '' ? '' : ` ${body}`}`);
      const message = new Uint8Array(hash.length + bytes.length);
      message.set(hash);
      message.set(bytes, hash.length);
      hash = sha224(message);
      const short = SHORT.reduce((text, [long, word]) => text.replace(long, word), body);
      const text = `-m comment --comment "cali:${base64Url(hash).slice(0, HASH_LENGTH)}"${short === '' ? '' : ` ${short}`}`;
      const { origin } = rules[i] ?? {};
      return origin === undefined ? { text } : { text, origin };
    });
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(key, written);
  }
  return written;
}

const names = new Map<string, string>();

/** Calico: felix/hashutils, GetLengthLimitedID */
export function chainName(prefix: string, suffix: string): string {
  const whole = prefix + suffix;
  if (whole.length < MAX_CHAIN_NAME || (whole.length === MAX_CHAIN_NAME && !suffix.startsWith('_'))) return whole;
  let name = names.get(whole);
  if (name === undefined) {
    name = `${prefix}_${base64Url(sha256(suffix)).slice(0, MAX_CHAIN_NAME - 1 - prefix.length)}`;
    if (names.size >= MAX_KNOWN) names.clear();
    names.set(whole, name);
  }
  return name;
}

/** Calico: libcalico-go/lib/hash, MakeUniqueID */
export const uniqueId = (prefix: string, content: string): string => `${prefix}:${base64Url(sha224(utf8Bytes(`${prefix}:${content}`)))}`;
export const setName = (id: string): string => `cali40${id}`.slice(0, MAX_SET_NAME);

export const ACCEPT_MARK = '0x10000';
export const PASS_MARK = '0x20000';
/** All conditions so far hold; the one in work holds. */
export const ALL_MARK = '0x40000';
export const THIS_MARK = '0x80000';

export const markSet = (mark: string): string => `-m mark --mark ${mark}/${mark}`;
export const markClear = (mark: string): string => `-m mark --mark 0/${mark}`;
export const setMark = (mark: string): string => `--jump MARK --set-mark ${mark}/${mark}`;
export const clearMark = (mark: string): string => `--jump MARK --set-mark 0/${mark}`;
export const jump = (chain: string): string => `--jump ${chain}`;
export const goTo = (chain: string): string => `--goto ${chain}`;
