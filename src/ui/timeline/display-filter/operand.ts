/** Values that a display filter compares fields with. */
import { inPrefix, parseIp, parseIpPrefix } from '../../../net/addr/ip.ts';
import type { Ip } from '../../../net/wire/packet.ts';
import type { FieldType } from './fields.ts';

export type Operand =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'prefix'; readonly network: Ip; readonly prefixLength: number };

const BOOLEANS: Readonly<Record<string, number>> = { true: 1, false: 0, 1: 1, 0: 0 };

/** The operand, or why the text cannot be compared with a field of this type. */
export function readOperand(type: FieldType, text: string, quoted: boolean): Operand | string {
  switch (type) {
    case 'text':
      return { kind: 'text', value: text };
    case 'bytes': {
      const digits = text.toLowerCase().replace(/^0x/, '').replace(/[:.-]/g, '');
      if (quoted) return { kind: 'text', value: [...new TextEncoder().encode(text)].map((byte) => byte.toString(16).padStart(2, '0')).join(':') };
      return /^(?:[0-9a-f]{2})+$/.test(digits) ? { kind: 'text', value: (digits.match(/../g) ?? []).join(':') } : `"${text}" are no bytes: 00:1c:42 or 0x1c.`;
    }
    case 'protocol':
      return `A protocol has no value to compare.`;
    case 'mac':
      return /^[0-9a-f]{1,2}(?:[:-][0-9a-f]{1,2}){5}$/i.test(text)
        ? {
            kind: 'text',
            value: text
              .toLowerCase()
              .split(/[:-]/)
              .map((part) => part.padStart(2, '0'))
              .join(':'),
          }
        : `"${text}" is not a MAC address.`;
    case 'address': {
      const prefix = parseIpPrefix(text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`);
      return prefix === undefined
        ? `"${text}" is not an address or a network.`
        : { kind: 'prefix', network: prefix.network, prefixLength: prefix.prefixLength };
    }
    case 'flag': {
      const value = Object.hasOwn(BOOLEANS, text.toLowerCase()) ? BOOLEANS[text.toLowerCase()] : undefined;
      return value === undefined ? `A flag is 1 or 0, not "${text}".` : { kind: 'number', value };
    }
    case 'number': {
      const value = quoted || !/^(?:0x[0-9a-f]+|\d+(?:\.\d+)?)$/i.test(text) ? Number.NaN : Number(text);
      return Number.isFinite(value) ? { kind: 'number', value } : `"${text}" is not a number.`;
    }
  }
}

/** A value of another field as the thing to compare with. */
export function operandOf(type: FieldType, value: string | number): Operand {
  if (type !== 'address') return typeof value === 'number' ? { kind: 'number', value } : { kind: 'text', value };
  const operand = readOperand('address', String(value), false);
  return typeof operand === 'string' ? { kind: 'text', value: String(value) } : operand;
}

export function equalTo(operand: Operand, value: string | number): boolean {
  if (operand.kind === 'number') return value === operand.value;
  if (operand.kind === 'text') return value === operand.value;
  const ip = parseIp(String(value));
  return ip !== undefined && typeof ip === typeof operand.network && inPrefix(operand.network, operand.prefixLength, ip);
}

/** Which of the two is the lesser; undefined where they are equal or cannot be ordered. */
export function less(operand: Operand, value: string | number): 'operand' | 'value' | undefined {
  if (operand.kind === 'text') return undefined;
  const left = operand.kind === 'number' ? operand.value : unsigned(operand.network);
  const right = operand.kind === 'number' ? Number(value) : unsigned(parseIp(String(value)) ?? 0);
  return left < right ? 'operand' : right < left ? 'value' : undefined;
}

const unsigned = (ip: Ip): bigint | number => (typeof ip === 'bigint' ? ip : ip >>> 0);
