/** NetworkPolicy as iptables rules: a stand-in in kube-router's shape, a chain for each pod that a policy selects, since flannel enforces none. */
import type { RecordedCluster, RecordedPeer, RecordedPod, RecordedPolicy, RecordedPolicyPort, RecordedSelector } from './format.ts';

/** Chains to put into table filter, and the rules that go in front of FORWARD, INPUT and OUTPUT. */
export interface PolicyRules {
  readonly chains: ReadonlyMap<string, readonly string[]>;
  readonly forward: readonly string[];
}

type Labels = Readonly<Record<string, string>>;

function selects(selector: RecordedSelector, labels: Labels): boolean {
  return (
    Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value) &&
    (selector.matchExpressions ?? []).every((one) => {
      const value = labels[one.key];
      const values = one.values ?? [];
      if (one.operator === 'In') return value !== undefined && values.includes(value);
      if (one.operator === 'NotIn') return value === undefined || !values.includes(value);
      return (one.operator === 'Exists') === (value !== undefined);
    })
  );
}

const namespaceLabels = (cluster: RecordedCluster, name: string): Labels => ({ 'kubernetes.io/metadata.name': name, ...cluster.namespaces[name] });

function peerPods(peer: RecordedPeer, policy: RecordedPolicy, cluster: RecordedCluster): readonly RecordedPod[] {
  return cluster.pods.filter((pod) => {
    if (pod.hostNetwork) return false;
    const inNamespace =
      peer.namespaceSelector === undefined ? pod.namespace === policy.namespace : selects(peer.namespaceSelector, namespaceLabels(cluster, pod.namespace));
    return inNamespace && selects(peer.podSelector ?? {}, pod.labels);
  });
}

/** Match arguments for "any of these peers"; an empty list matches nobody. */
function peerMatches(
  peers: readonly RecordedPeer[] | undefined,
  side: '-s' | '-d',
  policy: RecordedPolicy,
  cluster: RecordedCluster,
): { readonly match: string; readonly except: readonly string[] }[] {
  if (peers === undefined || peers.length === 0) return [{ match: '', except: [] }];
  return peers.flatMap((peer) =>
    peer.ipBlock === undefined
      ? peerPods(peer, policy, cluster).map((pod) => ({ match: `${side} ${pod.ip}/32`, except: [] }))
      : [{ match: `${side} ${peer.ipBlock.cidr}`, except: (peer.ipBlock.except ?? []).map((range) => `${side} ${range}`) }],
  );
}

function portMatches(ports: readonly RecordedPolicyPort[] | undefined): readonly string[] {
  if (ports === undefined || ports.length === 0) return [''];
  return ports.map((port) => {
    const protocol = (port.protocol ?? 'TCP').toLowerCase();
    if (port.port === undefined) return `-p ${protocol}`;
    return `-p ${protocol} -m ${protocol} --dport ${port.endPort === undefined ? port.port : `${port.port}:${port.endPort}`}`;
  });
}

const join = (...words: readonly string[]): string => words.filter((word) => word !== '').join(' ');

/**
 * A mark says "allowed": the pod's chain sets it where a policy allows the packet and drops what comes to its end without. Two directions
 * are two chains, so that a packet must be allowed by the sender's and by the receiver's.
 */
export function policyRules(cluster: RecordedCluster, node: string): PolicyRules {
  const chains = new Map<string, readonly string[]>();
  const forward: string[] = [];
  const directions = [
    { type: 'Ingress', pod: '-d', peer: '-s', name: 'IN' },
    { type: 'Egress', pod: '-s', peer: '-d', name: 'OUT' },
  ] as const;
  cluster.pods.forEach((pod, index) => {
    if (pod.node !== node || pod.hostNetwork) return;
    const own = cluster.policies.filter((policy) => policy.namespace === pod.namespace && selects(policy.podSelector, pod.labels));
    for (const direction of directions) {
      const policies = own.filter((policy) => policy.policyTypes.includes(direction.type));
      if (policies.length === 0) continue;
      const chain = `KUBE-POD-FW-${direction.name}-${index + 1}`;
      const rules = ['-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN'];
      let exceptions = 0;
      for (const policy of policies) {
        const allowed =
          direction.type === 'Ingress'
            ? policy.ingress.map((rule) => ({ peers: rule.from, ports: rule.ports }))
            : policy.egress.map((rule) => ({ peers: rule.to, ports: rule.ports }));
        for (const rule of allowed) {
          for (const { match, except } of peerMatches(rule.peers, direction.peer, policy, cluster)) {
            for (const ports of portMatches(rule.ports)) {
              if (except.length === 0) {
                rules.push(join(match, ports, '-j RETURN'));
                continue;
              }
              // Allowed but for some: a chain that marks nothing for those and marks the rest.
              exceptions += 1;
              const inner = `${chain}-X${exceptions}`;
              chains.set(inner, [...except.map((one) => `${one} -j RETURN`), '-j MARK --set-xmark 0x10000/0x10000']);
              rules.push(join(match, ports, `-j ${inner}`), '-m mark --mark 0x10000/0x10000 -j RETURN');
            }
          }
        }
      }
      // The other direction's chain may have left its mark.
      if (exceptions > 0) rules.splice(1, 0, '-j MARK --set-xmark 0x0/0x10000');
      // What a node itself sends to its own pods does not pass FORWARD.
      rules.push('-j DROP');
      chains.set(chain, rules);
      forward.push(`${direction.pod} ${pod.ip}/32 -j ${chain}`);
    }
  });
  return { chains, forward };
}
