/** -j TTL, HL, TOS, DSCP, TCPMSS, CLASSIFY: targets that write into the packet's headers. Linux: net/netfilter/xt_HL.c, xt_DSCP.c, xt_TCPMSS.c, xt_CLASSIFY.c */
import { IP_PROTO_TCP, TCP_SYN } from '../../wire/packet.ts';
import {
  CONTINUE,
  DROP,
  defineTarget,
  EINVAL,
  type GivenOptions,
  type RuleContext,
  type RuleError,
  type TargetDefinition,
  type Verdict,
} from '../definition.ts';
import { FORWARD, OUTPUT, POSTROUTING } from '../hook.ts';
import { givenValue, numberOption } from '../options.ts';
import { parseUnsigned } from '../text.ts';
import { formatDscp, formatTos, parseDscpClass, parseTos, type TosValue, tosName } from '../tos.ts';

function hopTarget(name: 'TTL' | 'HL', family: 'ipv4' | 'ipv6'): TargetDefinition {
  const lower = name.toLowerCase();
  const [set, dec, inc] = [`${lower}-set`, `${lower}-dec`, `${lower}-inc`];
  return defineTarget({
    name,
    family,
    tables: ['mangle'],
    options: [
      { name: set, values: 1, excludes: [dec, inc] },
      { name: dec, values: 1, excludes: [set, inc] },
      { name: inc, values: 1, excludes: [set, dec] },
    ],
    build(given) {
      const kind = [set, dec, inc].find((k) => given.has(k));
      if (kind === undefined) return { error: `${name}: You must specify an action` };
      const value = numberOption(name, kind, givenValue(given, kind) ?? '', kind === set ? 0 : 1, 255);
      if (typeof value !== 'number') return value;
      const words = kind === set ? 'set to' : kind === dec ? 'decrement by' : 'increment by';
      return {
        name,
        continues: true,
        text: `--${kind} ${value}`,
        listing: `${name} ${words} ${value}`,
        run({ skb }) {
          const ttl = kind === set ? value : kind === dec ? Math.max(0, skb.ttl - value) : Math.min(255, skb.ttl + value);
          if (ttl !== skb.ttl) {
            skb.ttl = ttl;
            skb.headerRow = -1;
          }
          return CONTINUE;
        },
      };
    },
  });
}
export const ttl = hopTarget('TTL', 'ipv4');
export const hl = hopTarget('HL', 'ipv6');

function writeTos({ skb }: RuleContext, value: number): Verdict {
  if (skb.tos !== value) {
    skb.tos = value;
    skb.headerRow = -1;
  }
  return CONTINUE;
}

export const dscp = defineTarget({
  name: 'DSCP',
  tables: ['mangle'],
  options: [
    { name: 'set-dscp', values: 1, excludes: ['set-dscp-class'] },
    { name: 'set-dscp-class', values: 1, excludes: ['set-dscp'] },
  ],
  build(given) {
    const number = givenValue(given, 'set-dscp');
    const named = givenValue(given, 'set-dscp-class');
    if (number === undefined && named === undefined) return { error: 'DSCP target: Parameter --set-dscp is required' };
    const value = number === undefined ? parseDscpClass(named ?? '') : numberOption('DSCP', 'set-dscp', number, 0, 63);
    if (typeof value !== 'number') return value;
    return {
      name: 'DSCP',
      continues: true,
      text: `--set-dscp ${formatDscp(value)}`,
      listing: `DSCP set ${formatDscp(value)}`,
      run: (context) => writeTos(context, (value << 2) | (context.skb.tos & 3)),
    };
  },
});

const TOS_FORMS = ['set-tos', 'and-tos', 'or-tos', 'xor-tos'] as const;

function parseTosForm(given: GivenOptions): TosValue | undefined | RuleError {
  const form = TOS_FORMS.find((f) => given.has(f));
  if (form === undefined) return undefined;
  const text = givenValue(given, form) ?? '';
  if (form === 'set-tos') return parseTos(text);
  const bits = parseUnsigned(text, 255);
  if (bits === undefined) return { error: `TOS: bad value for option "--${form}", or out of range (0-255).\n` };
  if (form === 'and-tos') return { value: 0, mask: ~bits & 255 };
  return { value: bits, mask: form === 'or-tos' ? bits : 0 };
}

/** Without -n a list names the form that means the same. */
function namedTos(tos: TosValue): string {
  const name = tosName(tos);
  if (name !== undefined) return ` TOS set${name}`;
  if (tos.value === 0) return `TOS and ${formatDscp(~tos.mask & 255)}`;
  if (tos.value === tos.mask) return `TOS or ${formatDscp(tos.value)}`;
  return tos.mask === 0 ? `TOS xor ${formatDscp(tos.value)}` : `TOS set ${formatTos(tos)}`;
}

export const tos = defineTarget({
  name: 'TOS',
  tables: ['mangle'],
  options: TOS_FORMS.map((name) => ({ name, values: 1 as const, excludes: TOS_FORMS.filter((f) => f !== name) })),
  build(given) {
    const form = parseTosForm(given);
    if (form === undefined) return { error: 'TOS: An action is required' };
    if ('error' in form) return form;
    return {
      name: 'TOS',
      continues: true,
      text: `--set-tos ${formatTos(form)}`,
      listing: `TOS set ${formatTos(form)}`,
      named: namedTos(form),
      run: (context) => writeTos(context, (context.skb.tos & ~form.mask) ^ form.value),
    };
  },
});

/** Bytes of IP and TCP header without options. */
const HEADERS = { ipv4: 40, ipv6: 60 } as const;
/** What a SYN without the option may be told at most. RFC 9293 section 3.7.1 */
const DEFAULT_MSS = { ipv4: 536, ipv6: 1220 } as const;

/** tcpmss_mangle_packet(): the option is only ever lowered; a SYN that has none gets one. */
function mangleMss(context: RuleContext, wanted: number | undefined, headers: number, most: number): Verdict {
  const { skb } = context;
  const tcp = skb.tcp;
  if (tcp === undefined || skb.fragmentOffset > 0) return CONTINUE;
  let mss = wanted;
  if (mss === undefined) {
    const { forward, reverse } = context.pathMtus();
    const mtu = Math.min(forward ?? Number.POSITIVE_INFINITY, reverse ?? Number.POSITIVE_INFINITY);
    if (!Number.isFinite(mtu) || mtu <= headers) return DROP;
    mss = mtu - headers;
  }
  const old = tcp.options.mss;
  if (old !== undefined && old <= mss) return CONTINUE;
  if (old === undefined) {
    if ((tcp.flags & TCP_SYN) === 0 || (skb.payload?.bytes ?? 0) > 0) return CONTINUE;
    mss = Math.min(mss, most);
  }
  skb.tcp = { ...tcp, options: { ...tcp.options, mss } };
  skb.headerRow = -1;
  skb.contentRow = -1;
  return CONTINUE;
}

export const tcpmss = defineTarget({
  name: 'TCPMSS',
  options: [
    { name: 'set-mss', values: 1 },
    { name: 'clamp-mss-to-pmtu', values: 0 },
  ],
  build(given, head) {
    const clamp = given.has('clamp-mss-to-pmtu');
    const text = givenValue(given, 'set-mss');
    if (!clamp && text === undefined) return { error: 'TCPMSS target: At least one parameter is required' };
    const mss = numberOption('TCPMSS', 'set-mss', text ?? '0', 0, 65535 - (head.family === 'ipv6' ? 40 : 20));
    if (typeof mss !== 'number') return mss;
    if (head.protocol !== IP_PROTO_TCP || head.protocolNegated) return EINVAL;
    return {
      name: 'TCPMSS',
      continues: true,
      text: clamp ? '--clamp-mss-to-pmtu' : `--set-mss ${mss}`,
      listing: clamp ? 'TCPMSS clamp to PMTU' : `TCPMSS set ${mss}`,
      // The path is known behind the routing decision only.
      ...(clamp ? { hooks: [FORWARD, OUTPUT, POSTROUTING] } : {}),
      run: (context) => mangleMss(context, clamp ? undefined : mss, HEADERS[head.family], DEFAULT_MSS[head.family]),
    };
  },
});

export const classify = defineTarget({
  name: 'CLASSIFY',
  hooks: [FORWARD, OUTPUT, POSTROUTING],
  options: [{ name: 'set-class', values: 1, mandatory: true }],
  build(given) {
    const text = givenValue(given, 'set-class') ?? '';
    const parts = /^([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(text);
    if (parts === null) return { error: `Bad class value "${text}"` };
    const [major, minor] = [Number.parseInt(parts[1] as string, 16), Number.parseInt(parts[2] as string, 16)];
    const long = [major, minor].map((n) => n.toString(16).padStart(4, '0')).join(':');
    // Only queueing disciplines look at the class; none here has classes.
    return {
      name: 'CLASSIFY',
      continues: true,
      text: `--set-class ${long}`,
      listing: `CLASSIFY set ${major.toString(16)}:${minor.toString(16)}`,
      run: () => CONTINUE,
    };
  },
});
