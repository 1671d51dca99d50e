/** Follows one new packet through kube-proxy's rules, taking every branch that chance or affinity may take: to judge rules by what they allow, not by their text. */
import { KUBE_PROXY_JUMPS } from '../kube-proxy-base-rules.ts';
import { inRange } from '../kube-proxy-config.ts';
import type { Tables } from './restore-text.ts';

export interface TracedPacket {
  readonly source: string;
  readonly destination: string;
  readonly protocol: string;
  readonly port: number;
}
export interface Outcome {
  readonly verdict: 'dnat' | 'reject' | 'drop' | 'accept' | 'no-rule';
  /** `ip:port` after DNAT. */
  readonly destination?: string;
  /** The packet carries the masquerade mark. */
  readonly masquerade: boolean;
}

interface Walking {
  readonly packet: TracedPacket;
  readonly marked: boolean;
}
type End = { readonly end: 'DNAT' | 'REJECT' | 'DROP' | 'ACCEPT' | 'RETURN' | 'FELL'; readonly to?: string; readonly at: Walking };

const MAX_STEPS = 100_000;

export class RuleTracer {
  readonly #tables: Tables;
  readonly #nodeIps: readonly string[];
  #steps = 0;

  constructor(tables: Tables, nodeIps: readonly string[]) {
    this.#tables = tables;
    this.#nodeIps = nodeIps;
  }

  #isLocal(ip: string): boolean {
    return this.#nodeIps.includes(ip) || ip.startsWith('127.') || ip === '::1';
  }

  /** Whether the rule matches: `maybe` where chance or affinity decides. */
  #matches(words: readonly string[], { packet, marked }: Walking): 'yes' | 'no' | 'maybe' {
    let result: 'yes' | 'maybe' = 'yes';
    for (let i = 0; i < words.length; i += 1) {
      const negated = words[i] === '!';
      if (negated) i += 1;
      const option = words[i] ?? '';
      const value = words[i + 1] ?? '';
      let holds = true;
      if (option === '-m' && value === 'mark' && words[i + 2] === '!') {
        // `-m mark ! --mark` is read at the negation.
        i += 1;
        continue;
      }
      switch (option) {
        case '-s':
          holds = inRange(value, packet.source);
          break;
        case '-d':
          holds = inRange(value, packet.destination);
          break;
        case '-p':
          holds = value === packet.protocol;
          break;
        case '--dport':
          holds = Number(value) === packet.port;
          break;
        case '--src-type':
          holds = this.#isLocal(packet.source);
          break;
        case '--dst-type':
          holds = this.#isLocal(packet.destination);
          break;
        case '--mark':
          holds = marked;
          break;
        case '--ctstate':
          holds = value.split(',').includes('NEW');
          break;
        case '--probability':
        case '--rcheck':
          result = 'maybe';
          if (option === '--rcheck') continue;
          break;
        case '--set':
        case '--reap':
          continue;
        case '-j':
          return result;
        default:
          break;
      }
      if (holds === negated) return 'no';
      i += 1;
    }
    return result;
  }

  *#walk(table: keyof Tables, chain: string, index: number, at: Walking): Generator<End> {
    this.#steps += 1;
    if (this.#steps > MAX_STEPS) throw new Error('the rules branch without end');
    const rule = this.#rules(table, chain)[index];
    if (rule === undefined) return yield { end: 'FELL', at };
    const words = (rule.match(/"[^"]*"|\S+/g) ?? []) as readonly string[];
    const matched = this.#matches(words, at);
    if (matched !== 'yes') yield* this.#walk(table, chain, index + 1, at);
    if (matched === 'no') return;
    const jump = words.indexOf('-j');
    const target = jump < 0 ? '' : (words[jump + 1] ?? '');
    if (target === '') return yield* this.#walk(table, chain, index + 1, at);
    if (target === 'MARK') return yield* this.#walk(table, chain, index + 1, { ...at, marked: words.includes('--or-mark') });
    if (target === 'DNAT') return yield { end: 'DNAT', to: words[words.indexOf('--to-destination') + 1] ?? '', at };
    if (target === 'REJECT' || target === 'DROP' || target === 'ACCEPT' || target === 'RETURN') return yield { end: target, at };
    for (const end of this.#walk(table, target, 0, at)) {
      if (end.end === 'FELL' || end.end === 'RETURN') yield* this.#walk(table, chain, index + 1, end.at);
      else yield end;
    }
  }

  #rules(table: keyof Tables, chain: string): readonly string[] {
    const jumps = KUBE_PROXY_JUMPS.filter((jump) => jump.table === table && jump.from === chain);
    if (jumps.length > 0) return jumps.map((jump) => jump.text).reverse();
    return (this.#tables[table].get(chain) ?? []).map((rule) => rule.text);
  }

  /** How table filter may end; what a node sends to itself passes OUTPUT and then INPUT. */
  #filtered(at: Walking, local: boolean): End['end'][] {
    const toSelf = this.#isLocal(at.packet.destination);
    const [first, second] = local ? ['OUTPUT', toSelf ? 'INPUT' : undefined] : [toSelf ? 'INPUT' : 'FORWARD', undefined];
    return [...this.#walk('filter', first ?? 'FORWARD', 0, at)].flatMap((end) =>
      second === undefined || end.end === 'DROP' || end.end === 'REJECT' ? [end.end] : [...this.#walk('filter', second, 0, end.at)].map((last) => last.end),
    );
  }

  /** All that may happen to the packet on this node. */
  trace(packet: TracedPacket): Outcome[] {
    const local = this.#isLocal(packet.source);
    const outcomes: Outcome[] = [];
    for (const nat of this.#walk('nat', local ? 'OUTPUT' : 'PREROUTING', 0, { packet, marked: false })) {
      const masquerade = nat.at.marked;
      const [, ip = packet.destination, port = `${packet.port}`] = /^\[?([^\]]*)\]?:(\d+)$/.exec(nat.to ?? '') ?? [];
      const after: Walking = { ...nat.at, packet: nat.end === 'DNAT' ? { ...packet, destination: ip, port: Number(port) } : packet };
      for (const end of this.#filtered(after, local)) {
        if (end === 'REJECT' || end === 'DROP') outcomes.push({ verdict: end === 'DROP' ? 'drop' : 'reject', masquerade: false });
        else if (nat.end === 'DNAT') outcomes.push({ verdict: 'dnat', destination: nat.to ?? '', masquerade });
        else outcomes.push({ verdict: end === 'ACCEPT' ? 'accept' : 'no-rule', masquerade });
      }
    }
    return outcomes;
  }
}
