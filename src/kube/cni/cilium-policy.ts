/** Rules as the entries of each endpoint's policy map: selectors become identities, ranges of ports become prefixes. Cilium: pkg/policy, L4Filter and mapState */
import { hashText } from '../../base/prng.ts';
import { type Cidr, contains, parseCidr } from '../../net/addr/ip4.ts';
import { type BpfL7Rules, type BpfPolicyEntry, FIRST_LOCAL_IDENTITY, IDENTITY_HOST } from '../../net/bpf/bpf-records.ts';
import type { ObjectKey, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { type Labels, matchesSelector } from '../label-selector.ts';
import { perState } from '../node/per-state.ts';
import { hasSandbox } from '../pod/running.ts';
import type { Pod } from '../pod/types.ts';
import { PairTable, pairsOfLabels, SelectorIndex } from '../policy/pair-index.ts';
import { CILIUM_CONFIG_MAP } from './cilium-config.ts';
import { endpointNumbers } from './cilium-identity.ts';
import { type CiliumRule, type CiliumRules, ciliumRules, type Direction, ICMP, type IdentitySelector, type PortSpec, type SideRule } from './cilium-rules.ts';

const AGENT = 'cilium-agent';
/** bpf-policy-map-max: what a map has room for. */
export const MAX_ENTRIES = 16_384;
const ANY_PROTOCOL = [6, 17, 132] as const;
const WORLD = 'reserved:world';

/** Labels of the identities that are not allocated. Cilium: pkg/identity/reserved.go */
const RESERVED: Readonly<Record<number, readonly string[]>> = {
  1: ['reserved:host'],
  2: [WORLD],
  3: ['reserved:unmanaged'],
  4: ['reserved:health'],
  5: ['reserved:init'],
  6: ['reserved:remote-node'],
  7: ['reserved:kube-apiserver', 'reserved:remote-node'],
  8: ['reserved:ingress'],
};

/** Of a range or a name that policies speak of: each agent numbers them for itself, here all alike. */
export interface LocalIdentities {
  readonly cidrs: ReadonlyMap<string, number>;
  readonly fqdns: ReadonlyMap<string, number>;
}

/** The whole IPv4 world is nothing besides the identity that it has. */
const isWorld = (cidr: string): boolean => cidr.endsWith('/0');

const locals = new WeakMap<CiliumRules, LocalIdentities>();

export function localIdentities(rules: CiliumRules): LocalIdentities {
  let known = locals.get(rules);
  if (known === undefined) {
    const own = rules.cidrs.filter((cidr) => !isWorld(cidr) && parseCidr(cidr) !== undefined);
    known = {
      cidrs: new Map(own.map((cidr, i) => [cidr, FIRST_LOCAL_IDENTITY + i])),
      fqdns: new Map(rules.fqdns.map((name, i) => [name, FIRST_LOCAL_IDENTITY + own.length + i])),
    };
    locals.set(rules, known);
  }
  return known;
}

/** Labels of a range's or a name's identity, as `cilium-dbg identity list` prints them. */
export function localLabels(rules: CiliumRules): ReadonlyMap<number, readonly string[]> {
  const { cidrs, fqdns } = localIdentities(rules);
  return new Map<number, readonly string[]>([
    ...[...cidrs].map(([cidr, number]) => [number, [`cidr:${cidr}`, WORLD]] as const),
    ...[...fqdns].map(([name, number]) => [number, [`fqdn:${name}`, WORLD]] as const),
  ]);
}

/** `k8s:app=web` as selectors find it: under its source, and under any. */
export function labelsOf(texts: readonly string[]): Labels {
  const labels: Record<string, string> = {};
  for (const text of texts) {
    const colon = text.indexOf(':');
    const equals = text.indexOf('=', colon);
    const key = text.slice(colon + 1, equals < 0 ? undefined : equals);
    const value = equals < 0 ? '' : text.slice(equals + 1);
    labels[`${text.slice(0, colon)}:${key}`] = value;
    labels[`any:${key}`] = value;
  }
  return labels;
}

/** `name/protocol` to port. */
type NamedPorts = ReadonlyMap<string, number>;
const PROTOCOL_NUMBERS: Readonly<Record<string, number>> = { TCP: 6, UDP: 17, SCTP: 132 };

function namedPorts(pod: Pod): NamedPorts {
  const ports = new Map<string, number>();
  for (const container of pod.spec.containers)
    for (const { name, containerPort, protocol = 'TCP' } of container.ports ?? [])
      if (name !== undefined) ports.set(`${name}/${PROTOCOL_NUMBERS[protocol] ?? 6}`, containerPort);
  return ports;
}

/** Named ports of the pods of each identity. */
const portsByIdentity = perState(['Pod', 'ConfigMap', 'Namespace'], (view): ReadonlyMap<number, readonly NamedPorts[]> => {
  const { identities } = endpointNumbers(view);
  const byIdentity = new Map<number, NamedPorts[]>();
  for (const pod of view.list<Pod>('Pod').filter(hasSandbox)) {
    const identity = identities.get(objectKey(pod)) ?? 0;
    const list = byIdentity.get(identity) ?? [];
    list.push(namedPorts(pod));
    byIdentity.set(identity, list);
  }
  return byIdentity;
});

export interface EndpointPolicy {
  readonly enforcesIngress: boolean;
  readonly enforcesEgress: boolean;
  readonly entries: readonly BpfPolicyEntry[];
  /** Policies that select it. */
  readonly policies: readonly ObjectKey[];
  /** More entries than a map has room for: the rest is left out. */
  readonly overflow: boolean;
}

/** PortRangeToMaskedPorts: the prefixes that make up [first, last]. */
export function portPrefixes(first: number, last: number): readonly { readonly port: number; readonly bits: number }[] {
  const prefixes: { port: number; bits: number }[] = [];
  for (let at = first; at <= last; ) {
    let bits = 16;
    while (bits > 0) {
      const size = 2 ** (17 - bits);
      if (at % size !== 0 || at + size - 1 > last) break;
      bits -= 1;
    }
    prefixes.push({ port: at, bits });
    at += 2 ** (16 - bits);
  }
  return prefixes;
}

/** The proxies of an agent listen in [10000, 20000). */
export const proxyPort = (l7: BpfL7Rules, egress: boolean): number =>
  10_000 + (hashText(l7.dns !== undefined ? 'cilium-dns-egress' : `cilium-http-${egress ? 'egress' : 'ingress'}`) % 10_000);

interface Place {
  readonly protocol: number;
  readonly port: number;
  readonly bits: number;
  readonly l7: BpfL7Rules | undefined;
}

/** One of them for each set of identities and rules. */
export class PolicyCompiler {
  readonly #rules: CiliumRules;
  readonly #labels: ReadonlyMap<number, Labels>;
  readonly #cidrs: readonly { readonly cidr: Cidr; readonly identity: number }[];
  readonly #locals: LocalIdentities;
  readonly #ports: ReadonlyMap<number, readonly NamedPorts[]>;
  readonly #index: SelectorIndex<CiliumRule>;
  readonly #byPair: PairTable<readonly [number, Labels]>;
  readonly #selected = new Map<string, readonly number[]>();
  readonly #policies = new Map<string, EndpointPolicy>();

  /** `apiServer`: the API server runs on the agent's own node, whose host then is that too. */
  constructor(rules: CiliumRules, identities: ReadonlyMap<number, readonly string[]>, ports: ReadonlyMap<number, readonly NamedPorts[]>, apiServer: boolean) {
    this.#rules = rules;
    this.#ports = ports;
    this.#locals = localIdentities(rules);
    const local = localLabels(rules);
    this.#labels = new Map(
      [...Object.entries(RESERVED).map(([id, texts]) => [Number(id), texts] as const), ...identities, ...local].map(([id, texts]) => [id, labelsOf(texts)]),
    );
    if (apiServer) this.#labels = new Map([...this.#labels, [IDENTITY_HOST, labelsOf(['reserved:host', 'reserved:kube-apiserver'])]]);
    this.#index = new SelectorIndex(rules.rules, (rule) => pairsOfLabels(rule.endpoints.matchLabels ?? {}));
    this.#byPair = new PairTable([...this.#labels], ([, labels]) => pairsOfLabels(labels));
    this.#cidrs = [...this.#locals.cidrs].map(([text, identity]) => ({ cidr: parseCidr(text) as Cidr, identity }));
  }

  /** The policy of endpoints with this identity and these named ports. */
  policyOf(identity: number, pod: Pod): EndpointPolicy {
    const ports = this.#rules.namesPorts ? namedPorts(pod) : new Map<string, number>();
    const key = `${identity} ${[...ports].join(' ')}`;
    let policy = this.#policies.get(key);
    if (policy === undefined) {
      policy = this.#compile(identity, ports);
      this.#policies.set(key, policy);
    }
    return policy;
  }

  #compile(identity: number, own: NamedPorts): EndpointPolicy {
    const { mode } = this.#rules;
    const labels = this.#labels.get(identity);
    const selected = mode === 'never' ? [] : this.#index.candidates(pairsOfLabels(labels ?? {})).filter((rule) => matchesSelector(rule.endpoints, labels));
    const enforces = (direction: Direction): boolean => mode === 'always' || selected.some((rule) => rule.denies[direction]);
    const entries = (['ingress', 'egress'] as const).flatMap((direction) => this.#side(direction, selected, enforces(direction), own));
    return {
      enforcesIngress: enforces('ingress'),
      enforcesEgress: enforces('egress'),
      entries: entries.slice(0, MAX_ENTRIES),
      policies: [...new Set(selected.map(({ policy }) => policy))],
      overflow: entries.length > MAX_ENTRIES,
    };
  }

  #side(direction: Direction, selected: readonly CiliumRule[], enforced: boolean, own: NamedPorts): BpfPolicyEntry[] {
    const map = new EntryMap(direction === 'egress');
    // The kubelet must reach its pods (allow-localhost).
    if (direction === 'ingress') map.add(IDENTITY_HOST, ANYWHERE, false, CILIUM_CONFIG_MAP);
    if (!enforced) map.add(0, ANYWHERE, false, CILIUM_CONFIG_MAP);
    for (const { policy, [direction]: rules } of selected)
      for (const rule of rules)
        for (const { identity, fqdn } of this.#peers(rule))
          for (const place of this.#places(rule.ports, direction === 'egress' ? identity : undefined, own)) map.add(identity, place, rule.deny, policy, fqdn);
    return map.finish();
  }

  #peers({ peers }: SideRule): readonly { readonly identity: number; readonly fqdn?: string }[] {
    if (peers === undefined) return EVERYBODY;
    return peers.flatMap((peer): { identity: number; fqdn?: string }[] => {
      if (peer.kind === 'selector') return this.#select(peer.selector).map((identity) => ({ identity }));
      if (peer.kind === 'cidr') return this.#inRange(peer.cidr, peer.except).map((identity) => ({ identity }));
      const identity = this.#locals.fqdns.get(peer.pattern);
      return identity === undefined ? [] : [{ identity, fqdn: peer.pattern }];
    });
  }

  #select(selector: IdentitySelector): readonly number[] {
    const key = JSON.stringify(selector);
    let found = this.#selected.get(key);
    if (found === undefined) {
      found = this.#byPair
        .having(pairsOfLabels(selector.matchLabels ?? {}))
        .flatMap(([identity, labels]) => (matchesSelector(selector, labels) ? [identity] : []));
      this.#selected.set(key, found);
    }
    return found;
  }

  /** Identities of ranges inside it; the whole world includes who has no range of its own. Pods and nodes have no addresses for this purpose. */
  #inRange(text: string, except: readonly string[]): readonly number[] {
    const range = parseCidr(text);
    if (range === undefined) return [];
    const inside = (outer: Cidr, inner: Cidr): boolean =>
      outer.prefixLength <= inner.prefixLength && contains(outer.network, outer.prefixLength, inner.network);
    const left = except.flatMap((one) => parseCidr(one) ?? []);
    const found = this.#cidrs.filter(({ cidr }) => inside(range, cidr) && !left.some((one) => inside(one, cidr))).map(({ identity }) => identity);
    return isWorld(text)
      ? [...this.#select({ matchLabels: { [WORLD]: '' } }).filter((id) => id < FIRST_LOCAL_IDENTITY), ...this.#locals.fqdns.values(), ...found]
      : found;
  }

  /** `peer`: whose ports a name means; undefined: the endpoint's own. */
  #places(ports: readonly PortSpec[] | undefined, peer: number | undefined, own: NamedPorts): readonly Place[] {
    if (ports === undefined) return [ANYWHERE];
    return ports.flatMap(({ protocol, port, endPort, l7 }) => {
      const protocols = protocol === 0 ? ANY_PROTOCOL : [protocol];
      return protocols.flatMap((one): Place[] => {
        const rules = l7 === undefined || (one !== 6 && l7.http !== undefined) || (one !== 6 && one !== 17) ? undefined : l7;
        if (typeof port === 'string') return this.#numbers(`${port}/${one}`, peer, own).map((number) => ({ protocol: one, port: number, bits: 16, l7: rules }));
        if (one === ICMP || one === 58) return [{ protocol: one, port, bits: 16, l7: undefined }];
        if (port === 0) return [{ protocol: one, port: 0, bits: 0, l7: rules }];
        return portPrefixes(port, endPort ?? port).map((prefix) => ({ protocol: one, ...prefix, l7: rules }));
      });
    });
  }

  #numbers(name: string, peer: number | undefined, own: NamedPorts): readonly number[] {
    if (peer === undefined) return own.has(name) ? [own.get(name) as number] : [];
    const lists = peer === 0 ? [...this.#ports.values()].flat() : (this.#ports.get(peer) ?? []);
    return [...new Set(lists.flatMap((ports) => ports.get(name) ?? []))];
  }
}

const ANYWHERE: Place = { protocol: 0, port: 0, bits: 0, l7: undefined };
const EVERYBODY = [{ identity: 0 }] as const;

interface Draft {
  readonly identity: number;
  readonly place: Place;
  readonly fqdn: string | undefined;
  deny: boolean;
  /** Allowed without a look at the contents. */
  plain: boolean;
  l7: BpfL7Rules | undefined;
  readonly policies: Set<ObjectKey>;
}

const join = (a: BpfL7Rules | undefined, b: BpfL7Rules | undefined): BpfL7Rules | undefined => {
  if (a === undefined || b === undefined) return a ?? b;
  const http = [...(a.http ?? []), ...(b.http ?? [])];
  const dns = [...(a.dns ?? []), ...(b.dns ?? [])];
  return { ...(http.length === 0 ? {} : { http }), ...(dns.length === 0 ? {} : { dns }) };
};
const anything = (l7: BpfL7Rules): BpfL7Rules => (l7.dns !== undefined ? { dns: ['*'] } : { http: [{}] });
const covers = (a: Place, b: Place): boolean =>
  a.protocol === 0 || (a.protocol === b.protocol && a.bits <= b.bits && (a.bits === 0 || (a.port ^ b.port) >>> (16 - a.bits) === 0));

/** One direction of a map while rules are put into it. */
class EntryMap {
  readonly #egress: boolean;
  readonly #byIdentity = new Map<number, Map<string, Draft>>();

  constructor(egress: boolean) {
    this.#egress = egress;
  }

  add(identity: number, place: Place, deny: boolean, policy: ObjectKey, fqdn?: string): void {
    let drafts = this.#byIdentity.get(identity);
    if (drafts === undefined) {
      drafts = new Map();
      this.#byIdentity.set(identity, drafts);
    }
    const key = `${place.protocol} ${place.port} ${place.bits}`;
    let draft = drafts.get(key);
    if (draft === undefined) {
      draft = { identity, place, fqdn, deny: false, plain: false, l7: undefined, policies: new Set() };
      drafts.set(key, draft);
    }
    if (deny && !draft.deny) {
      draft.deny = true;
      draft.policies.clear();
    }
    if (draft.deny && !deny) return;
    draft.policies.add(policy);
    if (place.l7 === undefined) draft.plain = true;
    else draft.l7 = join(draft.l7, place.l7);
  }

  finish(): BpfPolicyEntry[] {
    const anybody = [...(this.#byIdentity.get(0)?.values() ?? [])];
    const entries: BpfPolicyEntry[] = [];
    for (const [identity, drafts] of [...this.#byIdentity].sort(([a], [b]) => a - b)) {
      const own = [...drafts.values()];
      const all = identity === 0 ? own : [...own, ...anybody];
      const denied = all.filter(({ deny }) => deny);
      // What is allowed under something that is denied is denied: a longer prefix must not win over it.
      const kept = own.filter((one) => one.deny || !denied.some((other) => covers(other.place, one.place)));
      for (const one of kept) entries.push(this.#entry(one, all));
    }
    return entries;
  }

  /** A connection that the proxy reads for others is read for this peer too, and everything may be said where some rule allows it without a look. */
  #entry(draft: Draft, all: readonly Draft[]): BpfPolicyEntry {
    const { identity, place, fqdn, deny, policies } = draft;
    let l7 = deny ? undefined : draft.l7;
    if (!deny) for (const other of all) if (other.l7 !== undefined && !other.deny && other !== draft && covers(other.place, place)) l7 = join(l7, other.l7);
    if (l7 !== undefined && all.some((other) => other.plain && !other.deny && covers(other.place, place))) l7 = anything(l7);
    return {
      egress: this.#egress,
      identity,
      protocol: place.protocol,
      port: place.port,
      portBits: place.bits,
      deny,
      proxyPort: l7 === undefined ? 0 : proxyPort(l7, this.#egress),
      ...(l7 === undefined ? {} : { l7 }),
      ...(fqdn === undefined ? {} : { fqdn }),
      origin: { component: AGENT, objects: [...policies] },
    };
  }
}

/** Compilers of the last few sets of identities, by rules: a pod that comes and goes as others do brings no new identity. */
const compilers = new WeakMap<CiliumRules, Map<string, PolicyCompiler>>();
const MAX_COMPILERS = 4;

export function policyCompiler(view: StoreView, apiServer = false): PolicyCompiler {
  const rules = ciliumRules(view);
  const numbers = endpointNumbers(view);
  const ports = rules.namesPorts ? portsByIdentity(view) : NO_PORTS;
  const named = rules.namesPorts
    ? `${numbers.text}\n${[...ports].map(([id, lists]) => `${id} ${[...new Set(lists.map((list) => [...list].join(' ')))].join(';')}`).join('\n')}`
    : numbers.text;
  const key = `${apiServer} ${named}`;
  let known = compilers.get(rules);
  if (known === undefined) {
    known = new Map();
    compilers.set(rules, known);
  }
  let compiler = known.get(key);
  if (compiler === undefined) {
    if (known.size >= MAX_COMPILERS) known.clear();
    compiler = new PolicyCompiler(rules, numbers.labels, ports, apiServer);
    known.set(key, compiler);
  }
  return compiler;
}
const NO_PORTS: ReadonlyMap<number, readonly NamedPorts[]> = new Map();
