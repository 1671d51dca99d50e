/** One flow judged, with the walk: which policies select the pods, which rule and term of each matched or missed, and why. Kubernetes: NetworkPolicy v1, network-policy-api v1alpha2. */
import { formatIp, inPrefix } from '../../net/addr/ip.ts';
import type { Ip } from '../../net/wire/packet.ts';
import { formatSelector, type LabelSelector, type Labels, matchesSelector } from '../label-selector.ts';
import { inNamespace, type PolicyModel, policiesFor } from './policy-model.ts';
import type {
  CompiledPolicy,
  DirectionVerdict,
  PeerTerm,
  PolicyBlock,
  PolicyDirection,
  PolicyEndpoint,
  PolicyFlow,
  PolicyRule,
  PolicyVerdict,
  PolicyWalk,
  PortTerm,
  RuleWalk,
  TermWalk,
} from './policy-types.ts';

export function portMatches(term: PortTerm, flow: PolicyFlow): boolean {
  if (term.protocol !== undefined && term.protocol !== flow.protocol) return false;
  if (term.whole === true) return true;
  // A name means the ports of that name in the pod at the far end; several containers may have one.
  if (term.name !== undefined)
    return flow.to.pod?.ports.some((one) => one.name === term.name && one.port === flow.port && one.protocol === flow.protocol) ?? false;
  return flow.protocol !== 'ICMP' && flow.port >= term.first && flow.port <= term.last;
}

export function inBlock(block: PolicyBlock, ip: Ip): boolean {
  if (!inPrefix(block.range.network, block.range.prefixLength, ip)) return false;
  return !block.except.some((one) => inPrefix(one.network, one.prefixLength, ip));
}

/** `*.example.com` is any name below, not example.com itself. */
export const matchesDomain = (pattern: string, name: string): boolean => {
  const wanted = pattern.toLowerCase().replace(/\.$/, '');
  return wanted.startsWith('*.') ? name.endsWith(wanted.slice(1)) && name.length > wanted.length - 1 : name === wanted;
};

/** @param subject The pod whose policy asks. */
export function peerMatches(model: PolicyModel, term: PeerTerm, endpoint: PolicyEndpoint, ip: Ip | undefined, subject: PolicyEndpoint): boolean {
  switch (term.kind) {
    case 'pods':
      return (
        endpoint.pod !== undefined && inNamespace(term.namespaces, endpoint.pod) && (term.pods === undefined || matchesSelector(term.pods, endpoint.pod.labels))
      );
    case 'networks':
      return ip !== undefined && term.blocks.some((block) => inBlock(block, ip));
    case 'nodes':
      return endpoint.node !== undefined && matchesSelector(term.nodes, endpoint.node.labels);
    case 'entity':
      return term.matches(endpoint, ip, subject);
    case 'domains':
      return ip !== undefined && [...model.domains].some(([name, ips]) => ips.includes(ip) && term.names.some((pattern) => matchesDomain(pattern, name)));
  }
}

/** What of a selector does not hold, in words. */
export function missedLabels(selector: LabelSelector, labels: Labels): string {
  for (const [key, wanted] of Object.entries(selector.matchLabels ?? {})) {
    const has = Object.hasOwn(labels, key) ? labels[key] : undefined;
    if (has !== wanted) return has === undefined ? `has no label ${key} (wanted ${key}=${wanted})` : `has label ${key}=${has}, not ${key}=${wanted}`;
  }
  for (const one of selector.matchExpressions ?? []) {
    if (matchesSelector({ matchExpressions: [one] }, labels)) continue;
    const has = Object.hasOwn(labels, one.key) ? `has label ${one.key}=${labels[one.key] ?? ''}` : `has no label ${one.key}`;
    return `${has}, not ${formatSelector({ matchExpressions: [one] })}`;
  }
  return 'matches';
}

function peerReason(term: PeerTerm, endpoint: PolicyEndpoint, ip: Ip | undefined, matched: boolean): string {
  const address = ip === undefined ? endpoint.id : formatIp(ip);
  switch (term.kind) {
    case 'pods': {
      const { pod } = endpoint;
      if (pod === undefined)
        return endpoint.node === undefined
          ? `${address} is no pod's address: selectors of pods never match it`
          : `${endpoint.id} is in the network of node ${endpoint.node.name}: selectors of pods never match it`;
      if (matched) return `${pod.id} matches`;
      if (!inNamespace(term.namespaces, pod)) {
        if ('own' in term.namespaces)
          return `${pod.id} is in namespace ${pod.namespace}; without a namespaceSelector only pods of ${term.namespaces.own} match`;
        return `namespace ${pod.namespace} ${missedLabels(term.namespaces.labels, pod.namespaceLabels)}`;
      }
      return `pod ${pod.id} ${missedLabels(term.pods ?? {}, pod.labels)}`;
    }
    case 'networks': {
      const ranges = term.blocks.map((one) => `${formatIp(one.range.network)}/${one.range.prefixLength}`).join(', ');
      if (matched) return `${address} is in ${ranges}`;
      const outer = ip === undefined ? undefined : term.blocks.find((one) => inPrefix(one.range.network, one.range.prefixLength, ip));
      return outer === undefined ? `${address} is outside ${ranges}` : `${address} is excepted from ${ranges}`;
    }
    case 'nodes':
      if (endpoint.node === undefined) return `${address} is no node's address`;
      return matched ? `node ${endpoint.node.name} matches` : `node ${endpoint.node.name} ${missedLabels(term.nodes, endpoint.node.labels)}`;
    case 'entity':
      return `${endpoint.pod === undefined ? address : endpoint.id} ${matched ? 'is' : 'is not'} ${term.text}`;
    case 'domains':
      return matched ? `${address} was resolved from one of ${term.names.join(', ')}` : `no name of ${term.names.join(', ')} has been resolved to ${address}`;
  }
}

function portReason(term: PortTerm, flow: PolicyFlow, matched: boolean): string {
  const asked = `${flow.protocol}${flow.protocol === 'ICMP' ? '' : ` ${flow.port}`}`;
  if (matched) return `${asked} matches`;
  if (flow.protocol === 'ICMP') return 'ICMP has no ports';
  if (term.protocol !== undefined && term.protocol !== flow.protocol) return `${asked} is not ${term.protocol}`;
  if (term.name !== undefined) {
    const ports = flow.to.pod?.ports.filter((one) => one.name === term.name) ?? [];
    if (ports.length === 0) return `${flow.to.id} has no port named ${term.name}`;
    return `port ${term.name} of ${flow.to.id} is ${ports.map((one) => `${one.protocol} ${one.port}`).join(', ')}, not ${asked}`;
  }
  return `${asked} is not ${term.first === term.last ? term.first : `${term.first}-${term.last}`}`;
}

function walkRule(model: PolicyModel, rule: PolicyRule, flow: PolicyFlow, direction: PolicyDirection): RuleWalk {
  const [subject, other] = direction === 'ingress' ? [flow.to, flow.from] : [flow.from, flow.to];
  const [ownIp, ip] =
    direction === 'ingress' ? [flow.toIp ?? flow.to.ips[0], flow.fromIp ?? flow.from.ips[0]] : [flow.fromIp ?? flow.from.ips[0], flow.toIp ?? flow.to.ips[0]];
  const ports: TermWalk[] = (rule.ports ?? []).map((term) => {
    const matched = portMatches(term, flow);
    return { path: term.path, matched, reason: portReason(term, flow, matched) };
  });
  const peers: TermWalk[] = (rule.peers ?? []).map((term) => {
    const matched = peerMatches(model, term, other, ip, subject);
    return { path: term.path, matched, reason: peerReason(term, other, ip, matched) };
  });
  const own: TermWalk[] = [];
  if (rule.subject !== undefined) {
    const holds = rule.subject.matches(subject, ownIp, subject);
    own.push({ path: rule.subject.path, matched: holds, reason: peerReason(rule.subject, subject, ownIp, holds) });
  }
  const matched =
    own.every((one) => one.matched) &&
    (rule.ports === undefined || ports.some((one) => one.matched)) &&
    (rule.peers === undefined || peers.some((one) => one.matched));
  return {
    path: rule.path,
    ...(rule.name === undefined ? {} : { name: rule.name }),
    action: rule.action,
    matched,
    ports,
    peers: [...own, ...peers],
    ...(rule.note === undefined ? {} : { note: rule.note }),
  };
}

const outcomes = { Accept: 'accept', Deny: 'deny', Pass: 'pass', Log: 'no match' } as const;

function walkPolicy(model: PolicyModel, policy: CompiledPolicy, direction: PolicyDirection, flow: PolicyFlow): PolicyWalk {
  const rules: RuleWalk[] = [];
  for (const rule of policy[direction] ?? []) {
    const walk = walkRule(model, rule, flow, direction);
    rules.push(walk);
    if (walk.matched && rule.action !== 'Log') return { policy: policy.key, tier: policy.tier, outcome: outcomes[rule.action], rules };
  }
  return { policy: policy.key, tier: policy.tier, outcome: 'no match', rules };
}

const nameOf = (key: string): string => key.slice(key.indexOf('/') + 1);

/** @param flow An end that is no pod with a network of its own has no policies. */
export function directionVerdict(model: PolicyModel, flow: PolicyFlow, direction: PolicyDirection): DirectionVerdict {
  const subject = direction === 'ingress' ? flow.to : flow.from;
  const { pod } = subject;
  if (pod === undefined) {
    const what = subject.node === undefined ? `${subject.id} is outside the cluster` : `${subject.id} is in its node's network`;
    return { direction, allowed: true, reason: `${what}: policies select only pods with a network of their own`, policies: [] };
  }
  const base = { direction, subject: pod.id };
  if (flow.from.id === flow.to.id)
    return { ...base, allowed: true, reason: 'A pod always reaches itself: such packets do not leave its network', policies: [] };
  if (direction === 'ingress' && flow.from.node !== undefined && flow.from.node.name === pod.node)
    return {
      ...base,
      allowed: true,
      reason: `${flow.from.id} is on the pod's own node, whose kubelet must reach it: policies do not hold it up`,
      policies: [],
    };
  const policies: PolicyWalk[] = [];
  const found = policiesFor(model, pod, direction);
  const decide = (walk: PolicyWalk): DirectionVerdict => {
    const rule = walk.rules.at(-1);
    const allowed = walk.outcome === 'accept';
    const name = rule?.name === undefined ? (rule?.path ?? '') : `${rule.path} "${rule.name}"`;
    return {
      ...base,
      allowed,
      reason: `${walk.policy.slice(0, walk.policy.indexOf('/'))} ${nameOf(walk.policy)} ${allowed ? 'allows' : 'denies'} it: ${name}${rule?.note === undefined ? '' : `; ${rule.note}`}`,
      policies,
      by: { policy: walk.policy, ...(rule === undefined ? {} : { path: rule.path }) },
    };
  };
  for (const stage of model.stages) {
    const asked = found.filter((policy) => policy.tier === stage.name);
    let passed = false;
    let allowing: PolicyWalk | undefined;
    for (const policy of asked) {
      const walk = walkPolicy(model, policy, direction, flow);
      policies.push(walk);
      if (walk.outcome === 'no match') continue;
      if (stage.how === 'deny first' && walk.outcome === 'accept') {
        allowing ??= walk;
        continue;
      }
      if (walk.outcome !== 'pass') return decide(walk);
      passed = true;
      break;
    }
    if (allowing !== undefined) return decide(allowing);
    const isolating = asked.filter((policy) => policy.isolates?.[direction] !== false);
    if (passed || stage.end === 'pass' || isolating.length === 0) continue;
    const names = isolating.map((policy) => nameOf(policy.key)).join(', ');
    const [only] = isolating;
    return {
      ...base,
      allowed: false,
      reason: `${names} ${isolating.length === 1 ? 'isolates' : 'isolate'} ${pod.id} for ${direction}, and no rule allows this`,
      policies,
      ...(isolating.length === 1 && only !== undefined ? { by: { policy: only.key } } : {}),
    };
  }
  return { ...base, allowed: true, reason: `no policy restricts ${direction} of ${pod.id} here`, policies };
}

/** Both ends must allow it: what the source may send, what the destination may receive. Replies follow the connection. */
export function verdict(model: PolicyModel, flow: PolicyFlow): PolicyVerdict {
  const egress = directionVerdict(model, flow, 'egress');
  const ingress = directionVerdict(model, flow, 'ingress');
  return { allowed: egress.allowed && ingress.allowed, egress, ingress };
}
