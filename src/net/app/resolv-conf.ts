/** /etc/resolv.conf and /etc/hosts as programs read them (resolv.conf(5), hosts(5)). */
import { parseIp } from '../addr/ip.ts';
import type { Ip } from '../wire/packet.ts';
import type { AppContext } from './definition.ts';

export interface ResolvConf {
  /** At most three, in order. */
  readonly nameservers: readonly Ip[];
  readonly search: readonly string[];
  readonly ndots: number;
  readonly timeoutSeconds: number;
  readonly attempts: number;
  readonly rotate: boolean;
  readonly singleRequest: boolean;
  /** `single-request-reopen`. */
  readonly reopen: boolean;
  readonly useVc: boolean;
  readonly edns0: boolean;
  readonly noAaaa: boolean;
  readonly trustAd: boolean;
}

/** An absolute name to ask for, and why. */
export interface Candidate {
  readonly name: string;
  readonly why: string;
}

const MAX_NAMESERVERS = 3;
const LOCALHOST = 0x7f000001;

export function readResolvConf(context: Pick<AppContext, 'file'>): ResolvConf {
  return parseResolvConf(context.file('/etc/resolv.conf') ?? '');
}

export function parseResolvConf(text: string): ResolvConf {
  const nameservers: Ip[] = [];
  let search: readonly string[] = [];
  let ndots = 1;
  let timeoutSeconds = 5;
  let attempts = 2;
  const flags = new Set<string>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [keyword, ...values] = words(line);
    if (keyword === 'nameserver') {
      const ip = parseIp(values[0] ?? '');
      if (ip !== undefined && nameservers.length < MAX_NAMESERVERS) nameservers.push(ip);
    } else if (keyword === 'search') search = values;
    else if (keyword === 'domain') search = values.slice(0, 1);
    else if (keyword === 'options') {
      for (const option of values) {
        const [name, value] = option.split(':');
        if (value === undefined) flags.add(name ?? '');
        const number = Number(value);
        if (!Number.isInteger(number) || number < 0) continue;
        if (name === 'ndots') ndots = Math.min(number, 15);
        else if (name === 'timeout') timeoutSeconds = Math.min(Math.max(1, number), 30);
        else if (name === 'attempts') attempts = Math.min(Math.max(1, number), 5);
      }
    }
  }
  const reopen = flags.has('single-request-reopen');
  return {
    nameservers: nameservers.length === 0 ? [LOCALHOST] : nameservers,
    search,
    ndots,
    timeoutSeconds,
    attempts,
    rotate: flags.has('rotate'),
    singleRequest: flags.has('single-request') || reopen,
    reopen,
    useVc: flags.has('use-vc'),
    edns0: flags.has('edns0'),
    noAaaa: flags.has('no-aaaa'),
    trustAd: flags.has('trust-ad'),
  };
}

/** Most lines have single spaces, for which no regular expression is needed. */
function words(line: string): string[] {
  const plain = line.split(' ');
  return line.includes('\t') || line.includes('\r') || plain.includes('') ? line.trim().split(/\s+/) : plain;
}

/** The absolute names to try for a name as typed, in order (glibc: resolv/res_query.c, res_nsearch). */
export function searchNames(name: string, conf: Pick<ResolvConf, 'search' | 'ndots'>): readonly string[] {
  if (name.endsWith('.')) return [name];
  const dots = name.split('.').length - 1;
  const asIs = `${name}.`;
  const searched = conf.search.map((domain) => (domain === '.' ? asIs : `${name}.${domain.replace(/\.$/, '')}.`));
  return dots >= conf.ndots ? [asIs, ...searched] : [...searched, asIs];
}

const dotsText = (dots: number, ndots: number): string =>
  `the name has ${dots} ${dots === 1 ? 'dot' : 'dots'}, ${dots < ndots ? 'fewer than' : 'not fewer than'} ndots:${ndots}`;

/** The same with reasons. musl: src/network/lookup_name.c, name_from_dns_search: with enough dots there is no search at all. */
export function searchCandidates(name: string, conf: Pick<ResolvConf, 'search' | 'ndots'>, libc: 'glibc' | 'musl'): readonly Candidate[] {
  if (name.endsWith('.')) return [{ name, why: 'the name ends with a dot: no search' }];
  const dots = name.split('.').length - 1;
  const asIs = `${name}.`;
  const all = searchNames(name, conf);
  const names = libc === 'musl' && dots >= conf.ndots ? [asIs] : all;
  return names.map((one) => {
    if (one === asIs) return { name: one, why: dots >= conf.ndots ? `as it is: ${dotsText(dots, conf.ndots)}` : 'as it is: no search domain had it' };
    const place = conf.search.findIndex((domain) => one === `${name}.${domain.replace(/\.$/, '')}.`);
    return { name: one, why: `with search domain ${place + 1} of ${conf.search.length}: ${dotsText(dots, conf.ndots)}` };
  });
}

/** Addresses of a name in /etc/hosts; `localhost` is there even without a line. */
export function hostsAddresses(context: Pick<AppContext, 'file'>, name: string): { readonly addresses: readonly Ip[]; readonly canonical: string } | undefined {
  const wanted = name.toLowerCase().replace(/\.$/, '');
  // Most names are not in the file at all, which a search for the text tells faster than reading its lines.
  const file = context.file('/etc/hosts') ?? '';
  if (!file.toLowerCase().includes(wanted)) return wanted === 'localhost' ? { addresses: [LOCALHOST], canonical: 'localhost' } : undefined;
  const addresses: Ip[] = [];
  let canonical: string | undefined;
  for (const { ip, names } of hostsLines(context)) {
    if (!names.some((one) => one.toLowerCase() === wanted)) continue;
    addresses.push(ip);
    canonical ??= names[0];
  }
  if (addresses.length === 0 && wanted === 'localhost') return { addresses: [LOCALHOST], canonical: 'localhost' };
  return addresses.length === 0 ? undefined : { addresses, canonical: canonical ?? name };
}

/** The first name of an address in /etc/hosts. */
export function hostsName(context: Pick<AppContext, 'file'>, ip: Ip): { readonly canonical: string; readonly aliases: readonly string[] } | undefined {
  const line = hostsLines(context).find((one) => one.ip === ip);
  return line === undefined ? undefined : { canonical: line.names[0] ?? '', aliases: line.names.slice(1) };
}

function hostsLines(context: Pick<AppContext, 'file'>): { readonly ip: Ip; readonly names: readonly string[] }[] {
  const lines: { ip: Ip; names: string[] }[] = [];
  for (const line of (context.file('/etc/hosts') ?? '').split('\n')) {
    const [address, ...names] = line.replace(/#.*$/, '').trim().split(/\s+/);
    const ip = parseIp(address ?? '');
    if (ip !== undefined && names.length > 0) lines.push({ ip, names });
  }
  return lines;
}
