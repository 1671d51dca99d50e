/** Packets through nftables: what kube-proxy's nftables mode does, and what the kernel does when its chains stand beside those of iptables. */
import { describe, expect, it } from 'vitest';
import { CLIENT, NODE1, story, type TwoNodes, twoNodes, WEB1 } from '../testing/two-nodes.ts';
import { NftListing } from './list.ts';
import { isNftRecord } from './nft-records.ts';
import { BARE, putNft } from './testing/nft-state.ts';

/** The shape of kube-proxy's table: maps of services, chains of services and endpoints, masquerading by mark. */
const KUBE_PROXY = `table ip kube-proxy {
  set cluster-ips { type ipv4_addr; elements = { 10.96.0.20, 10.96.0.30 }; }
  set affinity-1 { type ipv4_addr; flags dynamic,timeout; timeout 3h; }
  map service-ips { type ipv4_addr . inet_proto . inet_service : verdict; elements = { 10.96.0.20 . udp . 80 : goto service-web, 10.96.0.40 . udp . 80 : goto service-two } }
  map no-endpoint-services { type ipv4_addr . inet_proto . inet_service : verdict; elements = { 10.96.0.30 . udp . 80 comment "default/none" : goto reject-chain } }
  chain reject-chain {
    reject
  }
  chain mark-for-masquerade {
    mark set mark or 0x4000
  }
  chain masquerading {
    mark and 0x4000 == 0 return
    mark set mark xor 0x4000
    masquerade fully-random
  }
  chain service-web {
    ip daddr 10.96.0.20 udp dport 80 ip saddr != 10.244.0.0/16 jump mark-for-masquerade
    numgen random mod 1 vmap { 0 : goto endpoint-a }
  }
  chain service-two {
    ip saddr @affinity-1 goto endpoint-b
    numgen inc mod 2 vmap { 0 : goto endpoint-a, 1 : goto endpoint-b }
  }
  chain endpoint-a {
    ip saddr 10.244.0.6 jump mark-for-masquerade
    meta l4proto udp dnat to 10.244.0.6:8080
  }
  chain endpoint-b {
    update @affinity-1 { ip saddr }
    meta l4proto udp dnat to 10.244.1.6:8080
  }
  chain services {
    ip daddr . meta l4proto . th dport vmap @service-ips
  }
  chain nat-prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    jump services
  }
  chain nat-postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    jump masquerading
  }
  chain filter-forward {
    type filter hook forward priority -110; policy accept;
    ct state new ip daddr . meta l4proto . th dport vmap @no-endpoint-services
    ct state new ip daddr @cluster-ips counter drop
  }
}
`;

function world(text = KUBE_PROXY): TwoNodes {
  return twoNodes({ rules: false, change: (b) => putNft(b.records, NODE1, text) });
}

function rows(w: TwoNodes, from = 0): string[] {
  return w.network
    .events(from, w.network.traceLength)
    .flatMap(({ step }) =>
      step.kind === 'matched' ? [`${step.table} ${step.rule?.chain ?? step.chain}: ${step.rule?.text ?? 'policy'} => ${step.verdict}`] : [],
    );
}

describe('a Service in the shape of kube-proxy in nftables mode', () => {
  it('is found in a verdict map and translated by its endpoint chain, with a row for each rule that matched', () => {
    const w = world();
    w.hands.sendUdp(CLIENT, '10.96.0.20', 80, 40000, 10);
    w.settle();
    expect(w.heard()).toEqual([`${WEB1}: udp 10.244.0.5:40000 > 10.244.0.6:8080 ttl 64`]);
    expect(rows(w)).toEqual([
      'ip kube-proxy nat-prerouting: jump services => jump services',
      'ip kube-proxy services: ip daddr . meta l4proto . th dport vmap @service-ips => goto service-web',
      'ip kube-proxy service-web: numgen random mod 1 vmap { 0 : goto endpoint-a } => goto endpoint-a',
      'ip kube-proxy endpoint-a: meta l4proto udp dnat to 10.244.0.6:8080 => accept',
      'ip kube-proxy filter-forward: policy => accept',
      'ip kube-proxy nat-postrouting: jump masquerading => jump masquerading',
      'ip kube-proxy masquerading: meta mark & 0x00004000 == 0x00000000 return => return',
      'ip kube-proxy nat-postrouting: policy => accept',
    ]);
    const seen = w.network.traceLength;
    w.hands.sendUdp(CLIENT, '10.96.0.20', 80, 40000, 10);
    w.settle();
    // The nat chains are for first packets.
    expect(rows(w, seen)).toEqual(['ip kube-proxy filter-forward: policy => accept']);
  });

  it('masquerades a pod that reaches itself', () => {
    const w = world();
    w.hands.sendUdp(WEB1, '10.96.0.20', 80, 40000, 10);
    w.settle();
    expect(w.heard().map((l) => l.replace(/10\.244\.0\.1:\d+/, '10.244.0.1:*'))).toEqual([`${WEB1}: udp 10.244.0.1:* > 10.244.0.6:8080 ttl 64`]);
  });

  it('rejects where there are no endpoints, with the rule as the cause', () => {
    const w = world();
    w.hands.sendUdp(CLIENT, '10.96.0.30', 80, 40000, 10);
    w.settle();
    expect(w.heard()).toEqual([`${CLIENT}: icmp error 3/3 from 10.244.0.1 about 10.244.0.5:40000 > 10.96.0.30:80`]);
    const drop = w.network.events(0, w.network.traceLength).find((e) => e.step.kind === 'dropped' && e.step.reason !== 'OTHERHOST')?.step;
    expect(drop).toMatchObject({ reason: 'NETFILTER_DROP', rule: { table: 'ip kube-proxy', chain: 'reject-chain', text: 'reject', handle: 16 } });
  });

  it('drops other ports of a ClusterIP, and counts them', () => {
    const w = world();
    w.hands.sendUdp(CLIENT, '10.96.0.20', 81, 40000, 10);
    w.settle();
    expect(story(w.network)).toContain('node1 cni0 dropped NETFILTER_DROP');
    const listing = new NftListing([...w.b.records.values()].filter(isNftRecord), w.network.nft(NODE1), w.network.nowNs, BARE);
    const table = listing.find('ip', 'kube-proxy');
    expect(table === undefined ? '' : listing.table(table)).toContain('ct state new ip daddr @cluster-ips counter packets 1 bytes 38 drop');
  });

  it('remembers clients in a set that packets fill, until their time is over', () => {
    const w = world();
    const ask = (port: number): string => {
      const from = w.network.traceLength;
      w.hands.sendUdp(CLIENT, '10.96.0.40', 80, port, 10);
      w.settle();
      for (const { step } of w.network.events(from, w.network.traceLength)) if (step.kind === 'translated' && step.how === 'DNAT') return step.after;
      return 'nothing';
    };
    const list = (): string => {
      const listing = new NftListing([...w.b.records.values()].filter(isNftRecord), w.network.nft(NODE1), w.network.nowNs, BARE);
      const table = listing.find('ip', 'kube-proxy');
      const set = table === undefined ? undefined : listing.sets(table).find((s) => s.name === 'affinity-1');
      return set === undefined ? '' : listing.set(set).replace(/expires \S+/, 'expires …');
    };
    expect([ask(40000), ask(40001), ask(40002)]).toEqual(['10.244.0.6:8080', '10.244.1.6:8080', '10.244.1.6:8080']);
    expect(list()).toBe(
      '\tset affinity-1 {\n\t\ttype ipv4_addr\n\t\tsize 65535\n\t\tflags dynamic,timeout\n\t\ttimeout 3h\n\t\telements = { 10.244.0.5 expires … }\n\t}\n',
    );
    const before = w.network.snapshot();
    const records = w.b.records.snapshot();
    w.network.advanceTo(w.network.nowNs + 3 * 3600e9);
    expect(list()).not.toContain('elements');
    expect(ask(40003)).toBe('10.244.0.6:8080');
    // Back in time the set is as it was.
    w.b.records.restore(records);
    w.network.restore(before);
    expect(list()).toContain('10.244.0.5');
    expect(ask(40004)).toBe('10.244.1.6:8080');
  });
});

describe('base chains of one hook', () => {
  const order = (text: string, iptables = false): string[] => {
    const w = twoNodes({
      rules: false,
      change: (b) => {
        putNft(b.records, NODE1, text);
        if (iptables) b.chain(NODE1, 'filter', 'FORWARD', ['-m comment --comment iptables'], 'ACCEPT');
      },
    });
    w.hands.sendUdp(CLIENT, '10.244.1.6', 80, 40000, 10);
    w.settle();
    return rows(w).flatMap((r) => (r.includes('policy') ? [] : [r.replace(/:.*/, '')]));
  };
  const chain = (name: string, priority: string): string =>
    `chain ${name} { type filter hook forward priority ${priority}; ip daddr 10.244.1.6 counter accept; }`;

  it('run by priority; accept ends one of them, not the packet’s way', () => {
    expect(order(`table ip a { ${chain('late', '10')}; ${chain('early', '-5')}; }\ntable inet b { ${chain('between', 'filter')}; }\n`)).toEqual([
      'ip a early',
      'inet b between',
      'ip a late',
    ]);
  });

  it('of the same priority run the youngest first, before iptables’ own', () => {
    expect(order(`table ip a { ${chain('first', '0')}; ${chain('second', '0')}; }\ntable ip b { ${chain('third', '0')}; }\n`, true)).toEqual([
      'ip b third',
      'ip a second',
      'ip a first',
      'filter FORWARD',
    ]);
  });

  it('end a packet with drop, whatever would follow', () => {
    const w = world(
      'table ip a { chain c { type filter hook forward priority 0; policy drop; udp dport 53 accept; }; chain d { type filter hook forward priority 1; counter; }; }\n',
    );
    w.hands.sendUdp(CLIENT, '10.244.1.6', 80, 40000, 10);
    w.settle();
    expect(w.heard()).toEqual([]);
    expect(rows(w)).toEqual(['ip a c: policy => drop']);
  });

  it('let a nat chain bind first, and ask the next one only where nothing was bound', () => {
    const nat = (name: string, priority: number, to: string): string =>
      `chain ${name} { type nat hook prerouting priority ${priority}; udp dport 80 dnat to ${to}; }`;
    const w = world(`table ip a { ${nat('second', -90, '10.244.1.6')}; ${nat('first', -110, '10.244.0.6')}; }\n`);
    w.hands.sendUdp(CLIENT, '10.96.0.20', 80, 40000, 10);
    w.settle();
    expect(w.heard()).toEqual([`${WEB1}: udp 10.244.0.5:40000 > 10.244.0.6:80 ttl 64`]);
    expect(rows(w)).toEqual(['ip a first: udp dport 80 dnat to 10.244.0.6 => accept']);
  });
});

describe('statements with a memory', () => {
  const count = (rule: string, packets: number): string => {
    const w = world(`table ip a { chain c { type filter hook forward priority 0; ${rule} counter; }; }\n`);
    for (let i = 0; i < packets; i += 1) w.hands.sendUdp(CLIENT, '10.244.1.6', 80, 40000 + i, 100);
    w.settle();
    const listing = new NftListing([...w.b.records.values()].filter(isNftRecord), w.network.nft(NODE1), w.network.nowNs, BARE);
    const [table] = listing.tables;
    return /counter packets (\d+)/.exec(table === undefined ? '' : listing.table(table))?.[1] ?? '';
  };

  it('limit lets its burst through at once', () => {
    expect(count('limit rate 1/minute burst 3 packets', 9)).toBe('3');
    expect(count('limit rate over 1/minute burst 3 packets', 9)).toBe('6');
  });

  it('quota counts bytes', () => {
    expect(count('quota 512 bytes', 9)).toBe('4');
    expect(count('quota over 512 bytes', 9)).toBe('5');
  });

  it('ct count counts the connections that live', () => {
    expect(count('ct count 3', 9)).toBe('3');
    expect(count('ct count over 3', 9)).toBe('6');
  });

  it('numgen inc goes round, its numbers part of a snapshot', () => {
    const w = world('table ip a { chain c { type filter hook forward priority 0; numgen inc mod 3 vmap { 0 : accept, 1 : accept, 2 : drop }; }; }\n');
    const heard = (n: number): number => {
      const from = w.network.traceLength;
      for (let i = 0; i < n; i += 1) {
        w.hands.sendUdp(CLIENT, '10.244.1.6', 80, 40000, 10);
        w.settle();
      }
      return w.network
        .events(from, w.network.traceLength)
        .filter((e) => e.step.kind === 'delivered' && e.layers.some((l) => l.protocol === 'udp') && e.netns.includes('web2')).length;
    };
    expect(heard(4)).toBe(3);
    const saved = w.network.snapshot();
    expect(heard(2)).toBe(1);
    w.network.restore(saved);
    expect(heard(2)).toBe(1);
  });
});
