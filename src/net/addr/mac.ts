/** Ethernet addresses as 48-bit numbers. */
import type { Mac } from '../wire/packet.ts';

export const BROADCAST_MAC: Mac = 0xffffffffffff;
export const ZERO_MAC: Mac = 0;

const PATTERN = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;

/** `aa:bb:cc:dd:ee:ff` in any case; undefined otherwise. */
export function parseMac(text: string): Mac | undefined {
  return PATTERN.test(text) ? Number.parseInt(text.replaceAll(':', ''), 16) : undefined;
}

/** @throws {Error} when the text (a record's) is no MAC address. */
export function mac(text: string): Mac {
  const value = parseMac(text);
  if (value === undefined) throw new Error(`not a MAC address: ${JSON.stringify(text)}`);
  return value;
}

export function formatMac(value: Mac): string {
  const hex = value.toString(16).padStart(12, '0');
  return `${hex.slice(0, 2)}:${hex.slice(2, 4)}:${hex.slice(4, 6)}:${hex.slice(6, 8)}:${hex.slice(8, 10)}:${hex.slice(10, 12)}`;
}

/** The group bit: broadcast and multicast. */
export const isGroupMac = (value: Mac): boolean => (Math.floor(value / 0x10000000000) & 1) === 1;
