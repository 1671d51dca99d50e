/** Reading a plugin's lines with the complaints that CoreDNS has in common: counts of arguments, numbers, durations, names of zones. Caddy v1: caddyfile/dispenser.go; CoreDNS: plugin/normalize.go. */
import { compileGoRegexp, type GoRegexp } from '../../base/go-regexp.ts';
import { parseDnsType } from '../../net/wire/dns-codec.ts';
import type { DnsRcode, DnsType } from '../../net/wire/dns-message.ts';
import type { Directive } from './corefile.ts';

/** Never leaves `readCorefile`. */
export class Complaint extends Error {
  readonly line: number;
  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

/** What the plugin itself says: without file and line. */
export const plain = (plugin: string, message: string, line: Directive): Complaint => new Complaint(`plugin/${plugin}: ${message}`, line.line);

/** What Caddy says about a place in the file. */
export const placed = (plugin: string, message: string, line: Directive): Complaint =>
  new Complaint(`plugin/${plugin}: ${line.file}:${line.line} - Error during parsing: ${message}`, line.line);

export function wrongArguments(plugin: string, line: Directive): Complaint {
  const last = line.args.at(-1)?.text ?? line.name;
  return placed(plugin, `Wrong argument count or unexpected line ending after '${last}'`, line);
}

export const argumentsOf = (line: Directive): readonly string[] => line.args.map((arg) => arg.text);

export function exactArguments(plugin: string, line: Directive, min: number, max = min): readonly string[] {
  const args = argumentsOf(line);
  if (args.length < min || args.length > max) throw wrongArguments(plugin, line);
  return args;
}

/** Go: strconv.Atoi, strconv.ParseUint with their words. */
export function readInteger(plugin: string, text: string | undefined, line: Directive, how: 'Atoi' | 'ParseUint' = 'Atoi'): number {
  if (text === undefined) throw wrongArguments(plugin, line);
  if (!(how === 'Atoi' ? /^[-+]?[0-9]{1,18}$/ : /^[0-9]{1,18}$/).test(text)) throw plain(plugin, `strconv.${how}: parsing "${text}": invalid syntax`, line);
  return Number(text);
}

const UNITS: Readonly<Record<string, number>> = { ns: 1e-9, us: 1e-6, µs: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 };

/** Go: time.ParseDuration; in seconds. */
export function readDuration(plugin: string, text: string | undefined, line: Directive): number {
  if (text === undefined) throw wrongArguments(plugin, line);
  if (text === '0') return 0;
  const match = /^([-+]?)((?:[0-9]{1,15}(?:\.[0-9]{0,15})?(?:ns|us|µs|ms|s|m|h)){1,6})$/.exec(text);
  if (match === null) {
    const missing = /^[-+]?[0-9.]{1,20}$/.test(text);
    throw plain(plugin, missing ? `time: missing unit in duration "${text}"` : `time: invalid duration "${text}"`, line);
  }
  let seconds = 0;
  for (const [, count, unit] of (match[2] ?? '').matchAll(/([0-9.]+)(ns|us|µs|ms|s|m|h)/g)) seconds += Number(count) * (UNITS[unit ?? ''] ?? 0);
  return match[1] === '-' ? -seconds : seconds;
}

/** `cluster.local` → `cluster.local.`; a CIDR becomes the reverse zones that cover it, cut at whole bytes or nibbles. */
export function zonesOf(text: string): readonly string[] {
  const cidr = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  if (cidr === null || Number(cidr[5]) > 32) {
    const lower = text.toLowerCase();
    return [lower.endsWith('.') ? lower : `${lower}.`];
  }
  const length = Number(cidr[5]);
  const bytes = cidr.slice(1, 5).map(Number);
  const whole = Math.ceil(length / 8);
  const zones: string[] = [];
  const count = 2 ** (whole * 8 - length);
  for (let i = 0; i < count; i += 1) {
    const part = bytes.slice(0, whole);
    const last = part[whole - 1];
    if (last !== undefined) part[whole - 1] = (last & ~(count - 1) & 255) + i;
    zones.push(`${[...part].reverse().join('.')}${part.length > 0 ? '.' : ''}in-addr.arpa.`);
  }
  return zones;
}

export const absoluteZone = (text: string): string => zonesOf(text)[0] ?? '.';
export const absoluteZones = (texts: readonly string[]): readonly string[] => texts.flatMap(zonesOf);

/** `fallthrough [ZONES…]`: all names when it names none. CoreDNS: plugin/pkg/fall. */
export const fallthroughZones = (line: Directive): readonly string[] => (line.args.length === 0 ? ['.'] : absoluteZones(argumentsOf(line)));

export function readRegexp(plugin: string, text: string, line: Directive): GoRegexp {
  const compiled = compileGoRegexp(text);
  if (!compiled.ok) throw plain(plugin, compiled.error, line);
  return compiled.regexp;
}

const RCODES: readonly DnsRcode[] = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];
export const parseRcode = (text: string): DnsRcode | undefined => RCODES.find((rcode) => rcode === text.toUpperCase());
export const parseType = (text: string): DnsType | undefined => parseDnsType(text);
