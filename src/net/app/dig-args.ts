/** dig's command line: servers, questions, and the plus signs. BIND: bin/dig/dig.c. */
import { parseIp } from '../addr/ip.ts';
import { DEFAULT_EPOCH_MS } from '../wire/calendar.ts';
import { parseDnsType } from '../wire/dns-codec.ts';
import type { DnsType } from '../wire/dns-message.ts';
import { parseInteger } from './cli-options.ts';
import type { ParseResult, ProgramEnvironment } from './definition.ts';
import { DIG_VERSION, type DigSections } from './dig-text.ts';
import { DNS_PORT, reverseName } from './dns-query.ts';

export interface DigQuestion {
  readonly name: string;
  readonly type: DnsType;
}

export interface DigConfig {
  readonly questions: readonly DigQuestion[];
  readonly server?: string;
  readonly port: number;
  readonly short: boolean;
  readonly search: boolean;
  readonly recurse: boolean;
  readonly timeoutSeconds: number;
  readonly tries: number;
  readonly sections: DigSections;
  readonly tcp: boolean;
  readonly ignoreTruncation: boolean;
  readonly trace: boolean;
  readonly authenticData: boolean;
  readonly checkingDisabled: boolean;
  /** Absent: no OPT record. */
  readonly edns?: { readonly udpBytes: number; readonly dnssecOk: boolean; readonly cookie: boolean };
  /** `+ttlid` and `+class`. */
  readonly showTtl: boolean;
  readonly showClass: boolean;
  readonly argv: string;
  readonly epochMs: number;
}

const ALL: DigSections = { command: true, comments: true, question: true, answer: true, authority: true, additional: true, statistics: true };
const NONE: DigSections = { command: false, comments: false, question: false, answer: false, authority: false, additional: false, statistics: false };
const SECTION_WORDS: Readonly<Record<string, keyof DigSections>> = {
  cmd: 'command',
  comments: 'comments',
  question: 'question',
  answer: 'answer',
  authority: 'authority',
  additional: 'additional',
  stats: 'statistics',
};
/** Without effect on what is simulated. */
const SILENT =
  /^(idnin|idnout|qr|multiline|crypto|keepopen|rrcomments|besteffort|fail|showsearch|identify|nsid|expire|badcookie|zflag|aaflag|aaonly|opcode|padding|subnet|unknownformat|split|onesoa|keepalive|raflag|tcflag|domain|ndots|cl|ednsflags|ednsopt|ednsnegotiation|mapped|showbadcookie|dns64prefix|sigchase|trusted-key|topdown|yaml|expandaaaa|header-only)$/;
const USAGE =
  'Usage:  dig [@global-server] [domain] [q-type] [q-class] {q-opt}\n            {global-d-opt} host [@local-server] {local-d-opt}\n            [ host [@local-server] {local-d-opt} [...]]\n\nUse "dig -h" (or "dig -h | more") for complete list of options\n';

/** EDNS' default size since the DNS flag day of 2020. */
const UDP_BYTES = 1232;

export function parseDigArgs(argv: readonly string[], environment: ProgramEnvironment): ParseResult<DigConfig> {
  let server: string | undefined;
  let port = DNS_PORT;
  let sections = ALL;
  let udpBytes = UDP_BYTES;
  let timeoutSeconds = 5;
  let tries = 3;
  const on = {
    short: false,
    search: false,
    recurse: true,
    tcp: false,
    ignore: false,
    trace: false,
    ad: true,
    cd: false,
    edns: true,
    cookie: true,
    dnssec: false,
    ttl: true,
    class: true,
  };
  let type: DnsType | undefined;
  const names: { name: string; type?: DnsType }[] = [];
  const bad = (stderr: string, exitCode = 1): ParseResult<DigConfig> => ({ ok: false, stderr, exitCode });
  /** A type behind a name is that name's; one before all names is that of all. */
  const setType = (value: DnsType) => {
    const last = names.at(-1);
    if (last === undefined) type = value;
    else last.type = value;
  };
  const plus = (word: string): string | undefined => {
    const off = word.startsWith('+no');
    const [key = '', value] = (off ? word.slice(3) : word.slice(1)).split('=');
    const section = Object.hasOwn(SECTION_WORDS, key) ? SECTION_WORDS[key] : undefined;
    if (key === 'all') sections = off ? NONE : ALL;
    else if (section !== undefined) sections = { ...sections, [section]: !off };
    else if (key === 'short') on.short = !off;
    else if (key === 'search' || key === 'defname') on.search = !off;
    else if (key === 'recurse' || key === 'rec' || key === 'rdflag') on.recurse = !off;
    else if (key === 'time' || key === 'timeout') timeoutSeconds = parseInteger(value ?? '', 1, 60) ?? 5;
    else if (key === 'tries') tries = parseInteger(value ?? '', 1, 10) ?? 3;
    else if (key === 'retry') tries = (parseInteger(value ?? '', 0, 9) ?? 2) + 1;
    else if (key === 'tcp' || key === 'vc') on.tcp = !off;
    else if (key === 'ignore') on.ignore = !off;
    else if (key === 'trace') {
      on.trace = !off;
      if (!off) on.dnssec = true;
    } else if (key === 'adflag' || key === 'ad') on.ad = !off;
    else if (key === 'cdflag' || key === 'cd') on.cd = !off;
    else if (key === 'edns') on.edns = !off;
    else if (key === 'cookie') on.cookie = !off;
    else if (key === 'dnssec' || key === 'do') {
      on.dnssec = !off;
      if (!off) on.edns = true;
    } else if (key === 'bufsize') udpBytes = parseInteger(value ?? '', 0, 65535) ?? UDP_BYTES;
    else if (key === 'ttlid') on.ttl = !off;
    else if (key === 'class') on.class = !off;
    else if (/^(nssearch|https|https-get|http-plain|tls)$/.test(key) && !off) return `dig: +${key} is not simulated in Kubehop\n`;
    else if (!SILENT.test(key)) return `Invalid option: ${word}\n${USAGE}`;
    return undefined;
  };
  for (let i = 0; i < argv.length; i += 1) {
    const word = argv[i] as string;
    if (word.startsWith('@')) server = word.slice(1);
    else if (word.startsWith('+')) {
      const problem = plus(word);
      if (problem !== undefined) return bad(problem);
    } else if (word === '-x') {
      const ip = parseIp(argv[i + 1] ?? '');
      if (ip === undefined) return bad(`dig: invalid IP address ${argv[i + 1] ?? ''}\n`);
      names.push({ name: reverseName(ip), type: 'PTR' });
      i += 1;
    } else if (/^-[tqpcb]/.test(word)) {
      const value = word.length > 2 ? word.slice(2) : argv[i + 1];
      if (value === undefined) return bad(`dig: option requires an argument -- ${word.slice(1)}\n`);
      if (word.length === 2) i += 1;
      if (word[1] === 't') {
        const found = parseDnsType(value);
        if (found === undefined) return bad(`;; Warning, ignoring invalid type ${value}\n`, 1);
        setType(found);
      } else if (word[1] === 'q') names.push({ name: value });
      else if (word[1] === 'p') port = parseInteger(value, 1, 65535) ?? DNS_PORT;
    } else if (word === '-4' || word === '-6' || word === '-u' || word === '-r' || word === '-m') continue;
    else if (word === '-v') return { ok: false, stderr: `DiG ${DIG_VERSION}\n`, exitCode: 0 };
    else if (word === '-h') return { ok: false, stdout: USAGE, stderr: '', exitCode: 0 };
    else if (word.startsWith('-')) return bad(`Invalid option: ${word}\n${USAGE}`);
    else if (parseDnsType(word) !== undefined && (word === word.toUpperCase() || names.length > 0)) setType(parseDnsType(word) as DnsType);
    else if (word.toUpperCase() !== 'IN') names.push({ name: word });
  }
  const questions =
    names.length === 0 ? [{ name: '.', type: type ?? ('NS' as const) }] : names.map((one) => ({ name: one.name, type: one.type ?? type ?? ('A' as const) }));
  return {
    ok: true,
    config: {
      questions,
      ...(server === undefined ? {} : { server }),
      port,
      short: on.short,
      search: on.search,
      recurse: on.recurse,
      timeoutSeconds,
      tries,
      sections: on.short ? { ...NONE, answer: true } : sections,
      tcp: on.tcp,
      ignoreTruncation: on.ignore,
      trace: on.trace,
      authenticData: on.ad,
      checkingDisabled: on.cd,
      ...(on.edns ? { edns: { udpBytes, dnssecOk: on.dnssec, cookie: on.cookie } } : {}),
      showTtl: on.ttl,
      showClass: on.class,
      argv: argv.join(' '),
      epochMs: environment.epochMs ?? DEFAULT_EPOCH_MS,
    },
  };
}
