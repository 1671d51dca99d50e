/** Tunnel and VLAN devices: what is on the wire, who takes it, what it costs, and what happens to what does not fit. */
import { describe, expect, it } from 'vitest';
import { A, B, layerNames, twoHosts } from './testing/hosts.ts';

const geneve = { type: 'geneve', vni: 7, destinationPort: 6081, mtuBytes: 1450 } as const;
const ipip = { type: 'ipip', ttl: 'inherit', tos: 0, pathMtuDiscovery: true, mtuBytes: 1480, mac: '00:00:00:00:00:00' } as const;

describe('a VLAN device', () => {
  const vlans = (idB: number) =>
    twoHosts((b) => {
      b.device(A, 'eth0.10', { type: 'vlan', lower: `${A}/device/eth0`, vlanId: 10 }, ['10.1.0.1/24']);
      b.device(B, `eth0.${idB}`, { type: 'vlan', lower: `${B}/device/eth0`, vlanId: idB }, ['10.1.0.2/24']);
    });

  it('tags what it sends and takes what carries its tag, four bytes longer on the device below', () => {
    const w = vlans(10);
    w.hands.sendUdp(A, '10.1.0.2', 80, 4000, 10);
    w.settle();
    expect(w.heard()).toEqual([`${B}: udp 10.1.0.1:4000 > 10.1.0.2:80 ttl 64`]);
    const rows = w.events().filter((e) => layerNames(e).includes('udp') && (e.step.kind === 'transmitted' || e.step.kind === 'received'));
    expect(rows.map((e) => `${e.hostId} ${e.device} ${layerNames(e)}`)).toEqual([
      'a eth0.10 ethernet ipv4 udp data',
      'a eth0 ethernet vlan ipv4 udp data',
      'b eth0 ethernet vlan ipv4 udp data',
      'b eth0.10 ethernet ipv4 udp data',
    ]);
    expect(rows[1]?.layers[1]).toEqual({ protocol: 'vlan', id: 10, priority: 0 });
  });

  it('is not reached by another VLAN: the frame is nobody’s', () => {
    const w = vlans(20);
    w.hands.ping(A, '10.1.0.2');
    w.settle();
    expect(w.steps('dropped').some((e) => e.hostId === 'b' && e.step.reason === 'VLAN_NO_DEVICE' && e.step.detail === 'no device on eth0 takes VLAN 10')).toBe(
      true,
    );
    expect(w.heard()).toEqual([`${A}: icmp error 3/1 from 10.1.0.1 about 10.1.0.1:0 > 10.1.0.2:0`]);
  });

  it('lets a full packet through: the tag does not count against the MTU', () => {
    const w = vlans(10);
    w.hands.sendUdp(A, '10.1.0.2', 80, 4000, 1472);
    w.settle();
    expect(w.heard()).toHaveLength(1);
  });

  it('crosses a bridge that knows no VLANs with its tag on', () => {
    const w = twoHosts((b) => {
      b.device(B, 'br0', { type: 'bridge', ageingSeconds: 300 });
      const eth0 = b.records.get(`${B}/device/eth0`);
      if (eth0.kind === 'device')
        b.records.put({ ...eth0, addresses: [], master: `${B}/device/br0`, bridgePort: { hairpin: false, isolated: false, learning: true } });
      const pod = b.netns('b', 'pod', 'pod');
      b.cable('veth', { netns: B, name: 'veth0' }, { netns: pod, name: 'eth0' }, { masterA: `${B}/device/br0` });
      b.device(pod, 'eth0.10', { type: 'vlan', lower: `${pod}/device/eth0`, vlanId: 10 }, ['10.1.0.2/24']);
      b.device(A, 'eth0.10', { type: 'vlan', lower: `${A}/device/eth0`, vlanId: 10 }, ['10.1.0.1/24']);
    });
    w.hands.sendUdp(A, '10.1.0.2', 80, 4000, 10);
    w.settle();
    expect(w.heard()).toEqual(['b/netns/pod: udp 10.1.0.1:4000 > 10.1.0.2:80 ttl 64']);
  });
});

describe('a Geneve device', () => {
  it('carries frames to its remote, 50 bytes longer, from any source port, and is real local traffic', () => {
    const w = twoHosts((b) => {
      for (const [netns, ip, remoteIp] of [
        [A, '10.1.0.1/24', '172.16.0.2'],
        [B, '10.1.0.2/24', '172.16.0.1'],
      ] as const) {
        b.device(netns, 'gen0', { ...geneve, remoteIp }, [ip]);
        b.chain(netns, 'filter', 'INPUT', ['-p udp -m udp --dport 6081', '-m conntrack --ctstate NEW'], 'ACCEPT');
        b.chain(netns, 'filter', 'OUTPUT', ['-p udp -m udp --dport 6081'], 'ACCEPT');
      }
    });
    w.hands.sendUdp(A, '10.1.0.2', 80, 4000, 100);
    w.settle();
    expect(w.heard()).toEqual([`${B}: udp 10.1.0.1:4000 > 10.1.0.2:80 ttl 64`]);
    // ARP there, ARP back, the packet.
    expect(w.network.counters(`${A}/chain/filter/OUTPUT`).rules[0]?.[0]).toBe(2);
    expect(w.network.counters(`${B}/chain/filter/INPUT`).rules[0]?.[0]).toBe(2);
    const [encapsulated] = w.steps('encapsulated').slice(-1);
    expect(encapsulated?.step).toMatchObject({ protocol: 'geneve', vni: 7, remoteIp: '172.16.0.2', overheadBytes: 50 });
    const outer = encapsulated?.layers.find((l) => l.protocol === 'ipv4');
    expect(outer).toMatchObject({ ttl: 64, flags: 'none', totalBytes: 20 + 8 + 100 + 50 });
    expect(w.network.connections(B).map((c) => [c.protocol, c.original.dport, c.unreplied])).toEqual([
      ['udp', 6081, true],
      ['udp', 6081, true],
      ['udp', 6081, true],
      ['udp', 80, true],
    ]);
  });

  it('takes only its own VNI from its own remote', () => {
    const w = twoHosts((b) => {
      b.device(A, 'gen0', { ...geneve, remoteIp: '172.16.0.2' }, ['10.1.0.1/24']);
      b.device(B, 'gen0', { ...geneve, vni: 8, remoteIp: '172.16.0.1' }, ['10.1.0.2/24']);
    });
    w.hands.ping(A, '10.1.0.2');
    w.settle();
    expect(w.steps('dropped').some((e) => e.hostId === 'b' && e.step.reason === 'GENEVE_VNI_NOT_FOUND')).toBe(true);
  });

  it('copies TTL, TOS and DF where it is told to', () => {
    const w = twoHosts((b) => {
      b.device(A, 'gen0', { ...geneve, remoteIp: '172.16.0.2', ttl: 'inherit', tos: 0x28, dontFragment: 'inherit' }, ['10.1.0.1/24']);
      b.neighbor(A, 'gen0', '10.1.0.2', '02:00:00:00:00:99');
    });
    w.hands.sendUdp(A, '10.1.0.2', 80, 4000, 10, { ttl: 9 });
    w.settle();
    expect(w.steps('encapsulated')[0]?.layers.find((l) => l.protocol === 'ipv4')).toMatchObject({ ttl: 9, tos: 0x28, flags: 'DF' });
  });
});

describe('a VXLAN device', () => {
  const vxlan = { type: 'vxlan', vni: 1, destinationPort: 8472, mtuBytes: 1450 } as const;
  const pair = (mtu: number, learning: boolean, fdbs: boolean) =>
    twoHosts(
      (b) => {
        for (const [netns, local, remote, ip] of [
          [A, '172.16.0.1', '172.16.0.2', '10.1.0.1/24'],
          [B, '172.16.0.2', '172.16.0.1', '10.1.0.2/24'],
        ] as const) {
          b.device(netns, 'vx0', { ...vxlan, localIp: local, underlay: `${netns}/device/eth0`, learning }, [ip]);
          if (fdbs) b.fdb(netns, 'vx0', '00:00:00:00:00:00', remote);
        }
      },
      { mtu },
    );

  it('floods what it does not know to every remote of the all-zero MAC, and learns from what comes', () => {
    const w = pair(1500, true, true);
    w.hands.sendUdp(A, '10.1.0.2', 80, 4000, 10);
    w.settle();
    expect(w.heard()).toHaveLength(1);
    expect(w.network.fdb(A).filter((e) => e.state === 'dynamic')).toMatchObject([{ device: 'vx0', dst: '172.16.0.2', self: true }]);
    const quiet = pair(1500, false, true);
    quiet.hands.sendUdp(A, '10.1.0.2', 80, 4000, 10);
    quiet.settle();
    expect(quiet.heard()).toHaveLength(1);
    expect(quiet.network.fdb(A).filter((e) => e.state === 'dynamic')).toEqual([]);
  });

  it('has its outer packet fragmented when the wire has become too small, though the inner one says DF', () => {
    const w = pair(1400, true, true);
    w.hands.sendUdp(A, '10.1.0.2', 80, 4000, 1400);
    w.settle();
    expect(w.heard()).toEqual([`${B}: udp 10.1.0.1:4000 > 10.1.0.2:80 ttl 64`]);
    const pieces = w
      .steps('transmitted')
      .filter((e) => e.device === 'eth0' && e.layers.some((l) => l.protocol === 'ipv4' && (l.flags === '+' || l.fragmentOffset > 0)));
    expect(pieces).toHaveLength(2);
  });

  it('sends to nobody without an entry, and says so', () => {
    const w = pair(1500, true, false);
    w.hands.ping(A, '10.1.0.2');
    w.settle();
    expect(w.steps('dropped')[0]?.step.reason).toBe('VXLAN_NO_REMOTE');
  });
});

describe('an IPIP device', () => {
  const tunnels = (fields: object = {}, mtu = 1500) =>
    twoHosts(
      (b) => {
        b.device(A, 'tun1', { ...ipip, remoteIp: '172.16.0.2', localIp: '172.16.0.1', ...fields }, ['10.1.0.1/32']);
        b.device(B, 'tun1', { ...ipip, remoteIp: '172.16.0.1', localIp: '172.16.0.2', ...fields }, ['10.1.0.2/32']);
        b.route(A, '10.1.0.2/32', { device: 'tun1' });
        b.route(B, '10.1.0.1/32', { device: 'tun1' });
      },
      { mtu },
    );

  it('puts one header before the packet: protocol 4, the inner TTL, DF, and no ARP inside', () => {
    const w = tunnels();
    w.hands.ping(A, '10.1.0.2', { ttl: 33 });
    w.settle();
    expect(w.heard()).toEqual([`${A}: icmp 10.1.0.2 > 10.1.0.1 ttl 64`]);
    const [first] = w.steps('encapsulated');
    expect(first?.step).toMatchObject({ protocol: 'ipip', vni: 0, localIp: '172.16.0.1', remoteIp: '172.16.0.2', overheadBytes: 20 });
    expect(layerNames(first as NonNullable<typeof first>)).toBe('ethernet ipv4 ipip ipv4 icmp data');
    expect(first?.layers[1]).toMatchObject({ ipProtocol: 4, ttl: 33, flags: 'DF', totalBytes: 104 });
    // On the tunnel device there is no Ethernet header, and the counters count none.
    expect(
      w
        .events()
        .filter((e) => e.device === 'tun1' && e.step.kind === 'transmitted')
        .map(layerNames),
    ).toEqual(['ipv4 icmp data', 'ipv4 icmp data']);
    expect(w.network.deviceCounters(`${A}/device/tun1`)).toEqual([1, 84, 1, 84, 0, 0]);
  });

  it('tells the sender when what is inside does not fit behind the header', () => {
    const w = tunnels({ mtuBytes: 1480 }, 1400);
    w.hands.sendUdp(A, '10.1.0.2', 80, 4000, 1400);
    w.settle();
    expect(w.heard()).toEqual([`${A}: icmp error 3/4 from 10.1.0.1 about 10.1.0.1:4000 > 10.1.0.2:80 mtu 1380`]);
  });

  it('without a remote sends to the route’s gateway, as Calico’s tunl0 does', () => {
    const w = twoHosts((b) => {
      for (const [netns, ip] of [
        [A, '10.244.0.1/32'],
        [B, '10.244.1.1/32'],
      ] as const)
        b.device(netns, 'tunl0', ipip, [ip]);
      b.route(A, '10.244.1.0/24', { gateway: '172.16.0.2', device: 'tunl0', onlink: true });
      b.route(B, '10.244.0.0/24', { gateway: '172.16.0.1', device: 'tunl0', onlink: true });
    });
    w.hands.ping(A, '10.244.1.1');
    w.settle();
    expect(w.heard()).toEqual([`${A}: icmp 10.244.1.1 > 10.244.0.1 ttl 64`]);
  });

  it('answers what no device takes with port unreachable, and without any device with protocol unreachable', () => {
    const w = tunnels();
    const other = w.b.records.get(`${B}/device/tun1`);
    if (other.kind === 'device' && other.type === 'ipip') w.b.records.put({ ...other, remoteIp: '172.16.0.99' });
    w.settle();
    w.hands.ping(A, '10.1.0.2');
    w.settle();
    expect(w.heard()).toEqual([`${A}: icmp error 3/3 from 172.16.0.2 about 172.16.0.1:0 > 172.16.0.2:0`]);
    w.b.records.remove(`${B}/device/tun1`);
    w.settle();
    w.hands.ping(A, '10.1.0.2');
    w.settle();
    expect(w.heard()).toEqual([`${A}: icmp error 3/2 from 172.16.0.2 about 172.16.0.1:0 > 172.16.0.2:0`]);
  });

  it('that leads into itself ends', () => {
    const w = twoHosts((b) => {
      b.device(A, 'tun1', { ...ipip, remoteIp: '10.9.0.2', localIp: '172.16.0.1' }, ['10.9.0.1/24']);
    });
    w.hands.ping(A, '10.9.0.2');
    w.settle();
    expect(w.steps('dropped').map((e) => e.step.reason)).toEqual(['TUNNEL_NO_ROUTE']);
  });
});

describe('marks', () => {
  it('survive encapsulation, and what a rule writes on the outer packet is seen on the inner one', () => {
    const w = twoHosts((b) => {
      b.device(A, 'tun1', { ...ipip, remoteIp: '172.16.0.2', localIp: '172.16.0.1' }, ['10.1.0.1/32']);
      b.device(B, 'tun1', { ...ipip, remoteIp: '172.16.0.1', localIp: '172.16.0.2' }, ['10.1.0.2/32']);
      b.route(A, '10.1.0.2/32', { device: 'tun1' });
      b.chain(A, 'mangle', 'OUTPUT', ['-d 10.1.0.2/32 -j MARK --set-xmark 0x4000/0xffffffff', '-d 172.16.0.2/32 -m mark --mark 0x4000'], 'ACCEPT');
      b.chain(B, 'mangle', 'PREROUTING', ['-p 4 -j MARK --set-xmark 0x7/0xffffffff', '-i tun1 -m mark --mark 0x7'], 'ACCEPT');
    });
    w.hands.sendUdp(A, '10.1.0.2', 80, 4000, 10);
    w.settle();
    expect(w.network.counters(`${A}/chain/mangle/OUTPUT`).rules.map((r) => r[0])).toEqual([1, 1]);
    expect(w.network.counters(`${B}/chain/mangle/PREROUTING`).rules.map((r) => r[0])).toEqual([1, 1]);
  });
});

describe('dummy and tun devices', () => {
  it('a dummy swallows what is sent, asks no ARP, and holds addresses', () => {
    const w = twoHosts((b) => {
      b.device(A, 'dummy0', { type: 'dummy' }, ['10.5.0.1/24']);
    });
    w.hands.sendUdp(A, '10.5.0.9', 80, 4000, 10);
    w.settle();
    expect(w.steps('dropped').map((e) => `${e.device} ${e.step.detail}`)).toEqual(['dummy0 dummy0 is a dummy: what is sent by it goes nowhere']);
    expect(w.network.deviceCounters(`${A}/device/dummy0`)).toEqual([0, 0, 1, 52, 0, 0]);
    w.b.route(B, '10.5.0.0/24', { gateway: '172.16.0.1', device: 'eth0' });
    w.settle();
    w.hands.ping(B, '10.5.0.1');
    w.settle();
    expect(w.heard()).toEqual([`${B}: icmp 10.5.0.1 > 172.16.0.2 ttl 64`]);
  });

  it('a tun without a reader has no carrier; with one the program gets the bare packet', () => {
    const w = twoHosts((b) => {
      b.device(A, 'tun0', { type: 'tun', mode: 'tun', mac: '00:00:00:00:00:00' }, ['10.6.0.1/24']);
    });
    w.hands.sendUdp(A, '10.6.0.9', 80, 4000, 10);
    w.settle();
    expect(w.steps('dropped').map((e) => e.step.reason)).toEqual(['QDISC_DROP']);
    const tun = w.b.records.get(`${A}/device/tun0`);
    if (tun.kind === 'device' && tun.type === 'tun') w.b.records.put({ ...tun, reader: `${A}/process/vpn` });
    w.settle();
    w.hands.sendUdp(A, '10.6.0.9', 80, 4000, 10);
    w.settle();
    const [end] = w.steps('delivered').slice(-1);
    expect(end?.step.process).toBe(`${A}/process/vpn`);
    expect(layerNames(end as NonNullable<typeof end>)).toBe('ipv4 udp data');
  });
});

describe('carrier', () => {
  it('goes with the other end: nothing is sent, not even seen by a tap', () => {
    const w = twoHosts(() => undefined);
    const eth0 = w.b.records.get(`${B}/device/eth0`);
    if (eth0.kind === 'device') w.b.records.put({ ...eth0, up: false });
    w.settle();
    w.hands.ping(A, '172.16.0.2');
    w.settle();
    expect(w.steps('transmitted').filter((e) => e.device === 'eth0')).toEqual([]);
    expect(w.steps('dropped').some((e) => e.step.reason === 'QDISC_DROP')).toBe(true);
  });

  it('of a veth pair inside one netns keeps the mark, and a full packet fits', () => {
    const w = twoHosts((b) => {
      const pod = b.netns('a', 'pod', 'pod');
      b.cable('veth', { netns: A, name: 'v0' }, { netns: pod, name: 'eth0' }, { addressesA: ['10.7.0.1/24'], addressesB: ['10.7.0.2/24'], mtuB: 1400 });
    });
    w.hands.sendUdp(A, '10.7.0.2', 80, 4000, 1472);
    w.settle();
    expect(w.heard()).toEqual([]);
    const [drop] = w.steps('dropped').slice(-1);
    expect(drop?.step).toMatchObject({ reason: 'PKT_TOO_BIG', detail: '1514 bytes are more than eth0 takes (MTU 1400)' });
  });
});
