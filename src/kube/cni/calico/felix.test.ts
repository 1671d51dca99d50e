import { describe, expect, it } from 'vitest';
import { objectView } from '../../node/testing/object-view.ts';
import type { Node } from '../../node/types.ts';
import { policyOfNetworkPolicy } from './conversion.ts';
import { hostDeviceName } from './device-name.ts';
import { felixJumps } from './felix-jumps.ts';
import { chainName, hashedRules, setName, uniqueId } from './felix-rule.ts';
import { staticChains } from './felix-static.ts';
import { CalicoAllocator, released } from './ipam.ts';
import { sha3of224 } from './policy-group.ts';
import type { IpamBlock } from './types.ts';

const settings = {
  ipip: true,
  vxlan: false,
  vxlanPort: 4789,
  tunnels: ['tunl0'],
  natOutgoing: true,
  allow: 'ACCEPT',
  deny: 'DROP',
  toHost: 'ACCEPT',
  serviceCidrs: [],
  loopPrevention: 'Drop',
};
const hashesOf = (table: string, chain: string): string[] => {
  const found = staticChains(settings).find((one) => one.table === table && one.name === chain);
  return hashedRules(chain, found?.rules ?? []).map((rule) => /cali:([\w-]{16})/.exec(rule.text)?.[1] ?? '');
};

describe("Felix' names", () => {
  /** As iptables-save showed them on machines that run Calico with IPIP. */
  it.each([
    ['filter', 'cali-FORWARD', 'vjrMJCRpqwy5oRoX A_sPAO0mcxbT9mOV 8ZoYfO5HKXWbB3pk jdEuaPBe14V2hutn 12bc6HljsMKsmfr- NOSxoaGx8OIstr1z'],
    ['filter', 'cali-INPUT', 'PajejrV4aFdkZojI _wjq-Yrma8Ly1Svo 8TZGxLWh_Eiz66wc 6McIeIDvPdL6PE1T YGPbrUms7NId8xVa 2gmY7Bg2i0i84Wk_ q-Vz2ZT9iGE331LL'],
    ['filter', 'cali-wl-to-host', 'Ee9Sbo10IpVujdIY nSZbcOoG1xPONxb8'],
    ['nat', 'cali-POSTROUTING', 'Z-c7XtVd2Bq7s_hA nYKhEzDlr11Jccal'],
    ['nat', 'cali-nat-outgoing', 'flqWnvo8yq4ULQLa'],
    ['nat', 'cali-PREROUTING', 'r6XmIziWUJsdOK6Z'],
  ])('are the hashes of the rules of %s %s', (table, chain, words) => {
    expect(hashesOf(table, chain).slice(0, words.split(' ').length).join(' ')).toBe(words);
  });

  it('are those of its jumps too', () => {
    const texts = felixJumps('ACCEPT', false).map((one) => `${one.table} ${one.from} ${/cali:([\w-]{16})/.exec(one.text)?.[1]}`);
    expect(texts).toContain('filter FORWARD wUHhoiAYhphO9Mso');
    expect(texts).toContain('nat POSTROUTING O3lYWMrLQYEMJtB5');
    expect(texts).toContain('raw PREROUTING 6gwbT8clXdHdC1b1');
    expect(texts.slice(-2)).toEqual(['filter FORWARD S93hcgKJrXEqnTfs', 'filter FORWARD mp77cMpurHhyjLrM']);
  });

  it('are cut by a hash where they are too long', () => {
    expect(chainName('cali-pi-', 'default/default.policy-1')).toBe('cali-pi-_l_CMLPBmpkyZIIwB62k');
    expect(chainName('cali-pri-', 'ksa.kube-system.coredns')).toBe('cali-pri-_u2Tn2rSoAPffvE7JO6');
    expect(chainName('cali-pri-', 'ksa.default.default')).toBe('cali-pri-ksa.default.default');
    expect(setName(uniqueId('s', 'all()'))).toMatch(/^cali40s:[\w-]{23}$/);
    expect(hostDeviceName('default', 'web')).toBe('cali68caf03a5f4');
  });

  it('of groups of policies are made with SHA3-224', () => {
    const hex = (text: string): string => [...sha3of224(text)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    expect(hex('abc')).toBe('e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf');
    expect(hex('x'.repeat(300))).toBe('954b73c67d168410e7dac66e249614f20caa736fbd75d0e9ebfd9b59');
  });
});

describe('a NetworkPolicy', () => {
  it("becomes one of Calico's: a rule for each protocol and peer, ports as few ranges", () => {
    const converted = policyOfNetworkPolicy({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'web', namespace: 'prod' },
      spec: {
        podSelector: { matchLabels: { app: 'web' }, matchExpressions: [{ key: 'x', operator: 'NotIn', values: ['1', '2'] }] },
        policyTypes: ['Ingress', 'Egress'],
        ingress: [
          {
            from: [{ namespaceSelector: {} }, { ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }],
            ports: [{ port: 81 }, { port: 80 }, { port: 'http' }, { port: 83, endPort: 85 }, { protocol: 'UDP' }, { port: 53, protocol: 'UDP' }],
          },
        ],
        egress: [{}],
      },
    });
    expect(converted.metadata.name).toBe('knp.default.web');
    expect(converted.spec?.selector).toBe("projectcalico.org/orchestrator == 'k8s' && app == 'web' && x not in { '1', '2' }");
    const tcp = { action: 'Allow', protocol: 'TCP', destination: { ports: ['http', '80:81', '83:85'] } };
    const pods = { selector: "projectcalico.org/orchestrator == 'k8s'", namespaceSelector: 'all()' };
    const nets = { nets: ['10.0.0.0/8'], notNets: ['10.1.0.0/16'] };
    expect(converted.spec?.ingress).toEqual([
      { ...tcp, source: pods },
      { ...tcp, source: nets },
      { action: 'Allow', protocol: 'UDP', destination: {}, source: pods },
      { action: 'Allow', protocol: 'UDP', destination: {}, source: nets },
    ]);
    expect(converted.spec?.egress).toEqual([{ action: 'Allow', destination: {} }]);
  });
});

describe("Calico's IPAM", () => {
  const node = (name: string): Node => ({ apiVersion: 'v1', kind: 'Node', metadata: { name } });
  const pool = {
    key: 'IPPool/p',
    name: 'p',
    cidr: '10.0.0.0/29',
    range: { base: 0x0a000000, prefixLength: 29, size: 8 },
    blockSize: 30,
    tunnel: undefined,
    mode: 'Never',
    natOutgoing: true,
    disabled: false,
    announced: true,
    automatic: true,
    uses: ['Workload'],
    nodeSelector: 'all()',
  } as const;
  const holder = (name: string, handle: string) => ({ handle_id: handle, secondary: { node: name, pod: handle } });
  const give = (name: string, count: number, blocks: readonly IpamBlock[], from = 0) => {
    const allocator = new CalicoAllocator(node(name), [pool], objectView([...blocks]));
    const ips = Array.from({ length: count }, (_, i) => allocator.assign(holder(name, `${name}-${from + i}`), 'Workload'));
    return { ips, blocks: [...blocks.filter((one) => !allocator.changed.some((other) => other.metadata.name === one.metadata.name)), ...allocator.changed] };
  };

  it('gives a node a block, then another, then borrows, then has nothing', () => {
    const first = give('a', 5, []);
    expect(first.blocks.map((block) => block.spec.affinity)).toEqual(['host:a', 'host:a']);
    expect(new Set(first.ips).size).toBe(5);
    const second = give('b', 4, first.blocks);
    expect(second.ips.filter((ip) => ip !== undefined)).toHaveLength(3);
    expect(second.ips.at(-1)).toBeUndefined();
    expect(second.blocks.every((block) => block.spec.affinity === 'host:a')).toBe(true);
  });

  it('gives an address that came back only after all others', () => {
    const { ips, blocks } = give('a', 2, []);
    const [block] = blocks as [IpamBlock];
    const freed = released(block, (_, ip) => ip === ips[0]);
    expect(freed.spec.attributes.map((one) => one.handle_id)).toEqual(['a-1']);
    const later = give('a', 3, [freed], 10);
    expect(later.ips[2]).toBe(ips[0]);
    expect(released(freed, () => false)).toBe(freed);
  });
});
