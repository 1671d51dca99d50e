/** Names of DSCP classes and TOS values, and how iptables reads and prints them. Linux: iptables, extensions/dscp_helper.c, tos_values.c; RFC 2474, RFC 1349 */
import type { RuleError } from './definition.ts';
import { parseUnsigned } from './text.ts';

const CLASSES: ReadonlyMap<string, number> = new Map([
  ['CS0', 0],
  ['CS1', 8],
  ['CS2', 16],
  ['CS3', 24],
  ['CS4', 32],
  ['CS5', 40],
  ['CS6', 48],
  ['CS7', 56],
  ['BE', 0],
  ['AF11', 10],
  ['AF12', 12],
  ['AF13', 14],
  ['AF21', 18],
  ['AF22', 20],
  ['AF23', 22],
  ['AF31', 26],
  ['AF32', 28],
  ['AF33', 30],
  ['AF41', 34],
  ['AF42', 36],
  ['AF43', 38],
  ['EF', 46],
]);

export const parseDscpClass = (text: string): number | RuleError => CLASSES.get(text.toUpperCase()) ?? { error: `Invalid DSCP value \`${text}'` };
export const formatDscp = (value: number): string => `0x${value.toString(16).padStart(2, '0')}`;

const TOS_NAMES: readonly (readonly [string, number])[] = [
  ['Minimize-Delay', 16],
  ['Maximize-Throughput', 8],
  ['Maximize-Reliability', 4],
  ['Minimize-Cost', 2],
  ['Normal-Service', 0],
];
/** A named value leaves the two ECN bits alone. */
const NAMED_MASK = 0x3f;

export interface TosValue {
  readonly value: number;
  readonly mask: number;
}

export function parseTos(text: string): TosValue | RuleError {
  const named = TOS_NAMES.find((n) => n[0].toLowerCase() === text.toLowerCase());
  if (named !== undefined) return { value: named[1], mask: NAMED_MASK };
  const slash = text.indexOf('/');
  const value = parseUnsigned(slash < 0 ? text : text.slice(0, slash), 255);
  const mask = slash < 0 ? 255 : parseUnsigned(text.slice(slash + 1), 255);
  if (value === undefined && slash < 0) return { error: `Symbolic name "${text}" is unknown` };
  return value === undefined || mask === undefined ? { error: `Illegal value: "${text}"` } : { value, mask };
}

export const formatTos = (tos: TosValue): string => `${formatDscp(tos.value)}/${formatDscp(tos.mask)}`;
export const tosName = (tos: TosValue): string | undefined => (tos.mask === NAMED_MASK ? TOS_NAMES.find((n) => n[1] === tos.value)?.[0] : undefined);
