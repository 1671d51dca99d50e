/** Rules of policies and profiles as chains. Calico v3.30: felix/rules/policy.go */
import type { Origin } from '../../../base/origin.ts';
import type { ParsedEntity, ParsedRule, PortRange } from './felix-model.ts';
import { ACCEPT_MARK, ALL_MARK, clearMark, type FelixRule, markClear, markSet, PASS_MARK, setMark, THIS_MARK } from './felix-rule.ts';
import type { CalicoRule } from './types.ts';

type Side = 'source' | 'destination';
/** One multiport match holds 15 numbers; a range takes two. */
const MAX_PORTS = 15;

function portSplits(ports: readonly PortRange[]): readonly (readonly PortRange[])[] {
  const splits: PortRange[][] = [];
  let free = 0;
  for (const port of ports) {
    const needed = port[0] === port[1] ? 1 : 2;
    if (free < needed) {
      splits.push([]);
      free = MAX_PORTS;
    }
    splits.at(-1)?.push(port);
    free -= needed;
  }
  return splits;
}

const portTexts = (ports: readonly PortRange[]): string => ports.map(([first, last]) => (first === last ? `${first}` : `${first}:${last}`)).join(',');
const inSet = (name: string, side: Side, not = ''): string => `-m set ${not}--match-set ${name} ${side === 'source' ? 'src' : 'dst'}`;
const inPortSet = (name: string, side: Side, not = ''): string => `-m set ${not}--match-set ${name} ${side === 'source' ? 'src,src' : 'dst,dst'}`;
const portsMatch = (ports: readonly PortRange[], side: Side, not = ''): string => `-m multiport ${not}--${side}-ports ${portTexts(ports)}`;

/** iptables of the kernel knows these by number only. */
const BY_NUMBER: Readonly<Record<string, string>> = { icmpv6: '58', udplite: '136' };

function protocolMatch(protocol: CalicoRule['protocol']): string[] {
  if (protocol === undefined) return [];
  const name = String(protocol).toLowerCase();
  return [`-p ${BY_NUMBER[name] ?? name}`];
}

/** What does not fit into one rule is asked before, in blocks that set marks. */
class Blocks {
  readonly rules: FelixRule[] = [];
  #hasPositive = false;

  #begin(initial: string): void {
    if (this.rules.length === 0) this.rules.push({ action: `--jump MARK --set-mark ${initial}/0xc0000` });
  }

  /** One of these holds. */
  any(matches: readonly string[]): void {
    this.#begin('0');
    const mark = this.#hasPositive ? THIS_MARK : ALL_MARK;
    for (const match of matches) this.rules.push({ match, action: setMark(mark) });
    if (this.#hasPositive) this.rules.push({ match: markClear(THIS_MARK), action: clearMark(ALL_MARK) });
    this.#hasPositive = true;
  }

  /** None of these holds. */
  none(matches: readonly string[]): void {
    this.#begin(ALL_MARK);
    for (const match of matches) this.rules.push({ match, action: clearMark(ALL_MARK) });
  }
}

/** What is left for the rule itself. */
interface Left {
  nets: readonly string[];
  notNets: readonly string[];
  ports: readonly PortRange[];
  portSets: readonly string[];
}

const leftOf = (entity: ParsedEntity): Left => ({
  nets: entity.nets,
  notNets: entity.notNets,
  ports: entity.ports,
  portSets: entity.portSets.map((set) => set.name),
});

function positive(entity: ParsedEntity, left: Left, side: Side): string[] {
  return [
    ...left.nets.map((net) => `--${side} ${net}`),
    ...entity.sets.map((set) => inSet(set.name, side)),
    ...(left.ports.length === 0 ? [] : [portsMatch(left.ports, side)]),
    ...left.portSets.map((name) => inPortSet(name, side)),
  ];
}

function negative(entity: ParsedEntity, left: Left, side: Side): string[] {
  return [
    ...left.notNets.map((net) => `! --${side} ${net}`),
    ...entity.notSets.map((set) => inSet(set.name, side, '! ')),
    ...portSplits(entity.notPorts).map((ports) => portsMatch(ports, side, '! ')),
    ...entity.notPortSets.map((set) => inPortSet(set.name, side, '! ')),
  ];
}

const icmpMatch = (icmp: CalicoRule['icmp'], not = ''): string[] =>
  icmp?.type === undefined ? [] : [`-m icmp ${not}--icmp-type ${icmp.type}${icmp.code === undefined ? '' : `/${icmp.code}`}`];

function wholeMatch({ rule, source, destination }: ParsedRule, src: Left, dst: Left): string[] {
  return [
    ...protocolMatch(rule.protocol),
    ...positive(source, src, 'source'),
    ...positive(destination, dst, 'destination'),
    ...icmpMatch(rule.icmp),
    ...protocolMatch(rule.notProtocol).map((match) => `! ${match}`),
    ...negative(source, src, 'source'),
    ...negative(destination, dst, 'destination'),
    ...icmpMatch(rule.notICMP, '! '),
  ];
}

export interface RuleSettings {
  /** `DROP` or `REJECT` */
  readonly deny: string;
  readonly logPrefix: string;
}

function oneRule(parsed: ParsedRule, settings: RuleSettings): FelixRule[] {
  const { rule, source, destination } = parsed;
  const blocks = new Blocks();
  const [src, dst] = [leftOf(source), leftOf(destination)];
  const protocol = protocolMatch(rule.protocol);
  for (const [left, side] of [
    [src, 'source'],
    [dst, 'destination'],
  ] as const) {
    const splits = portSplits(left.ports);
    if (splits.length + left.portSets.length <= 1) continue;
    blocks.any([...splits.map((ports) => [...protocol, portsMatch(ports, side)].join(' ')), ...left.portSets.map((name) => inPortSet(name, side))]);
    left.ports = [];
    left.portSets = [];
  }
  for (const [left, side] of [
    [src, 'source'],
    [dst, 'destination'],
  ] as const) {
    if (left.nets.length <= 1) continue;
    blocks.any(left.nets.map((net) => `--${side} ${net}`));
    left.nets = [];
  }
  for (const [left, side] of [
    [src, 'source'],
    [dst, 'destination'],
  ] as const) {
    if (left.nets.length + left.notNets.length <= 1 || left.notNets.length === 0) continue;
    blocks.none(left.notNets.map((net) => `--${side} ${net}`));
    left.notNets = [];
  }
  const match = [...wholeMatch(parsed, src, dst), ...(blocks.rules.length === 0 ? [] : [markSet(ALL_MARK)])].join(' ');
  const comments = Object.entries(rule.metadata?.annotations ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .sort();
  const rules = [...blocks.rules, ...verdict(rule.action, match, settings)];
  return comments.length === 0 ? rules : rules.map((one) => ({ ...one, comments }));
}

function verdict(action: string, match: string, { deny, logPrefix }: RuleSettings): FelixRule[] {
  switch (action) {
    case 'Log':
      return [{ match, action: `--jump LOG --log-prefix "${logPrefix}: " --log-level 5` }];
    case 'Deny':
      return [{ match, action: `--jump ${deny}` }];
    default: {
      const mark = action === 'Pass' ? PASS_MARK : ACCEPT_MARK;
      return [
        { match, action: setMark(mark) },
        { match: markSet(mark), action: '--jump RETURN' },
      ];
    }
  }
}

/** The rules of a chain; the first tells what it is about, and a RETURN at the end is none. */
export function chainRules(rules: readonly ParsedRule[], about: string, origin: Origin, settings: RuleSettings): readonly FelixRule[] {
  const written = rules.flatMap((rule) => oneRule(rule, settings)).map((rule) => ({ ...rule, origin }));
  while (written.at(-1)?.action === '--jump RETURN') written.pop();
  const [first = { origin }, ...rest] = written;
  return [{ ...first, comments: [...(first.comments ?? []), about] }, ...rest];
}
