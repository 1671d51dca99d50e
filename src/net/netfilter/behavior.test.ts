import { describe, expect, it } from 'vitest';
import { Network } from '../network.ts';
import type { IpSet, Rule } from '../records.ts';
import { type FakeHands, fakeUserland } from '../testing/fake-userland.ts';
import { addFlannel, addPod, WorldBuilder } from '../testing/world-builder.ts';
import { TCP_ACK, TCP_SYN } from '../wire/packet.ts';

const NODE = 'node1/netns/root';
const CLIENT = '10.244.0.5';
const WEB = '10.244.0.6';

class Lab {
  readonly network: Network;
  readonly hands: FakeHands;
  readonly client: string;
  readonly web: string;

  /** `chains`: `table NAME` to its rules, hooked where the name is a built-in one's. */
  constructor(chains: Readonly<Record<string, readonly string[]>>, sets: readonly Partial<IpSet>[] = []) {
    const b = new WorldBuilder();
    addFlannel(b, { nodes: [{ name: 'node1', ip: '172.30.1.2', podCidr: '10.244.0.0/24' }], gateway: '172.30.1.1' });
    this.client = addPod(b, 'node1', 'client', CLIENT);
    this.web = addPod(b, 'node1', 'web', WEB);
    for (const set of sets) {
      b.records.put({
        kind: 'ipset',
        origin: { component: 'test', objects: [] },
        netns: NODE,
        type: 'hash:ip',
        family: 'inet',
        entries: [],
        ...set,
        id: `${NODE}/ipset/${set.name}`,
        name: set.name ?? 'set',
      });
    }
    for (const [where, rules] of Object.entries(chains)) {
      const [table, name] = where.split(' ') as ['filter', string];
      const builtin = /^(PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING)$/.test(name);
      b.chain(NODE, table, name, rules, builtin ? 'ACCEPT' : undefined);
    }
    const { create, hands } = fakeUserland();
    this.network = new Network({ seed: 3, records: b.records }, create);
    this.hands = hands();
  }

  settle(seconds = 0): void {
    this.network.run({ untilNs: Number.POSITIVE_INFINITY, maxEvents: 20_000 });
    if (seconds > 0) this.network.advanceTo(this.network.nowNs + seconds * 1e9);
  }

  udp(to = WEB, port = 80, sport = 40000, bytes = 4): void {
    this.hands.sendUdp(this.client, to, port, sport, bytes);
    this.settle();
  }

  packets(chain: string, table = 'filter'): number[] {
    return this.network.counters(`${NODE}/chain/${table}/${chain}`).rules.map((r) => r[0]);
  }

  set rules(rules: readonly Rule[]) {
    const id = `${NODE}/chain/filter/FORWARD`;
    const record = this.network.records.get(id);
    if (record.kind === 'chain') this.network.records.put({ ...record, rules });
  }

  dropped(): string[] {
    return this.network.events(0, this.network.traceLength).flatMap((e) => (e.step.kind === 'dropped' ? [`${e.step.reason} ${e.step.detail}`] : []));
  }
}

describe('matches on packets that pass a node', () => {
  it.each([
    ['-m length --length 0:40', 1],
    ['-m length --length 41:100', 0],
    // A bridged frame's TTL is not taken down.
    ['-m ttl --ttl-eq 64', 1],
    ['-m ttl --ttl-lt 64', 0],
    ['-m iprange --src-range 10.244.0.4-10.244.0.5', 1],
    ['-m iprange ! --dst-range 10.244.0.6-10.244.0.9', 0],
    ['-m pkttype --pkt-type unicast', 1],
    ['-m pkttype --pkt-type broadcast', 0],
    ['-m dscp --dscp 0', 1],
    ['-m tos --tos 0x10/0x10', 0],
    ['-m conntrack --ctstate NEW --ctproto udp --ctorigsrc 10.244.0.5 --ctorigdstport 80 --ctdir ORIGINAL', 1],
    ['-m conntrack --ctreplsrc 10.244.0.5', 0],
    ['-m conntrack --ctstatus NONE', 0],
    ['-m conntrack ! --ctstatus CONFIRMED', 1],
    ['-m physdev --physdev-is-bridged', 1],
    ['-s 10.244.0.1/255.255.0.255', 0],
    ['-s 10.244.7.5/255.255.0.255', 1],
    ['-p udp -m multiport ! --dports 81,90:99', 1],
    // The payload begins behind 28 bytes of headers; the addresses are in the first 20.
    ['-m string --algo bm --hex-string "|0a f4 00 06|" --to 20', 1],
    ['-m string --algo bm --hex-string "|0a f4 00 06|" --from 17', 0],
    ['-m connlimit --connlimit-above 0', 1],
    ['-m connlimit --connlimit-above 1', 0],
    ['-m mac --mac-source 00:00:00:00:00:01', 0],
    ['-m connmark --mark 0x0', 1],
  ])('%s', (match, count) => {
    const lab = new Lab({ 'filter FORWARD': [`${match} -j MARK --set-xmark 0x1/0x1`], 'nat PREROUTING': [] });
    lab.udp();
    expect(lab.packets('FORWARD')).toEqual([count]);
  });

  it('owner knows whose socket sent a packet of this host, and that a passing one has none', () => {
    const lab = new Lab({
      'filter OUTPUT': ['-m owner --uid-owner 0', '-m owner ! --uid-owner 0', '-m owner ! --socket-exists'],
      'mangle POSTROUTING': ['-s 10.244.0.5/32 -m owner ! --socket-exists'],
    });
    lab.hands.sendUdp(NODE, WEB, 80, 40000, 4);
    lab.udp();
    expect(lab.packets('OUTPUT')).toEqual([1, 0, 0]);
    expect(lab.packets('POSTROUTING', 'mangle')).toEqual([1]);
  });

  it('hashlimit has a bucket for each source and fills it again with time', () => {
    const lab = new Lab({
      'filter FORWARD': ['-m hashlimit --hashlimit-name x --hashlimit-upto 1/sec --hashlimit-burst 2 --hashlimit-mode srcip -j ACCEPT', '-j DROP'],
    });
    for (let i = 0; i < 3; i += 1) lab.udp();
    expect(lab.packets('FORWARD')).toEqual([2, 1]);
    lab.hands.sendUdp(lab.web, CLIENT, 80, 1, 4);
    lab.settle(1.5);
    lab.udp();
    expect(lab.packets('FORWARD')).toEqual([4, 1]);
  });

  it('quota passes so many bytes and nothing behind them', () => {
    const lab = new Lab({ 'filter FORWARD': ['-m quota --quota 70 -j ACCEPT', '-j DROP'] });
    for (let i = 0; i < 3; i += 1) lab.udp();
    expect(lab.packets('FORWARD')).toEqual([2, 1]);
  });

  it('recent counts hits, tells TTLs apart and forgets what it is told to', () => {
    const lab = new Lab({
      'filter FORWARD': ['-m recent --name A --update --seconds 10 --hitcount 3 -j DROP', '-m recent --name A --set'],
    });
    for (let i = 0; i < 4; i += 1) lab.udp();
    expect(lab.packets('FORWARD')).toEqual([1, 3]);
    expect(lab.network.recentLists(NODE)[0]).toMatchObject({ name: 'A', addresses: [{ ip: CLIENT, ttl: 64 }] });
    lab.settle(11);
    lab.udp();
    expect(lab.packets('FORWARD')).toEqual([1, 4]);
  });
});

describe('targets', () => {
  it('CONNMARK keeps a mark with the connection and gives it back to later packets', () => {
    const lab = new Lab({
      'mangle PREROUTING': ['-j CONNMARK --restore-mark', '-m mark --mark 0x7 -j RETURN', '-j MARK --set-xmark 0x7/0xff', '-j CONNMARK --save-mark'],
      'nat PREROUTING': [],
    });
    lab.udp();
    lab.udp();
    expect(lab.packets('PREROUTING', 'mangle')).toEqual([2, 1, 1, 1]);
    expect(lab.network.connections(NODE)[0]?.mark).toBe(7);
  });

  it('TTL, TOS and DSCP write the header that the next rule sees', () => {
    const lab = new Lab({
      'mangle FORWARD': ['-j TTL --ttl-set 9', '-m ttl --ttl-eq 9 -j TOS --set-tos 0x10', '-m tos --tos 0x10 -j DSCP --set-dscp 10', '-m dscp --dscp 10'],
    });
    lab.udp();
    expect(lab.packets('FORWARD', 'mangle')).toEqual([1, 1, 1, 1]);
    expect(lab.hands.heard).toEqual([`${lab.web}: udp ${CLIENT}:40000 > ${WEB}:80 ttl 9`]);
  });

  it('TCPMSS gives a SYN without the option one and never raises what is there', () => {
    const lab = new Lab({ 'mangle FORWARD': ['-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1360', '-p tcp -m tcp --tcp-option 2'] });
    lab.hands.sendTcp(lab.client, WEB, 80, 40000, TCP_SYN);
    lab.hands.sendTcp(lab.client, WEB, 80, 40000, TCP_ACK);
    lab.settle();
    expect(lab.packets('FORWARD', 'mangle')).toEqual([1, 1]);
    const mss = lab.network
      .events(0, lab.network.traceLength)
      .flatMap((e) => e.layers.flatMap((l) => (l.protocol === 'tcp' && l.options.includes('mss') ? [l.options] : [])));
    expect(mss.at(-1)).toContain('mss 536');
  });

  it('NETMAP changes the network and leaves the host part', () => {
    const lab = new Lab({ 'nat PREROUTING': ['-d 192.168.7.0/24 -j NETMAP --to 10.244.0.0/24'] });
    lab.udp('192.168.7.6');
    expect(lab.hands.heard).toEqual([`${lab.web}: udp ${CLIENT}:40000 > ${WEB}:80 ttl 64`]);
  });

  it('LOG writes the line of the kernel, and a pod may not', () => {
    const lab = new Lab({
      'filter FORWARD': ['-j LOG --log-prefix "fwd: " --log-level 5'],
    });
    lab.udp();
    const [line] = lab.network.kernelLog('node1');
    expect(line).toMatchObject({ level: 5 });
    expect(line?.text).toMatch(
      /^fwd: IN=cni0 OUT=cni0 PHYSIN=\S+ PHYSOUT=\S+ MAC=([0-9a-f]{2}:){12}08:00 SRC=10\.244\.0\.5 DST=10\.244\.0\.6 LEN=32 TOS=0x00 PREC=0x00 TTL=64 ID=0 DF PROTO=UDP SPT=40000 DPT=80 LEN=12 $/,
    );
  });

  it('SET adds and removes while packets go by, with the time it is told', () => {
    const lab = new Lab(
      {
        'filter FORWARD': [
          '-m set --match-set seen src -j DROP',
          '-p udp -m udp --dport 99 -j SET --add-set seen src --timeout 5',
          '-p udp -m udp --dport 98 -j SET --del-set other src',
        ],
      },
      [
        { name: 'seen', timeoutSeconds: 60 },
        { name: 'other', entries: [{ element: CLIENT }] },
      ],
    );
    lab.udp(WEB, 80);
    lab.udp(WEB, 98);
    lab.udp(WEB, 99);
    lab.udp(WEB, 80);
    expect(lab.packets('FORWARD')).toEqual([1, 1, 1]);
    expect(lab.network.ipSetMembers(`${NODE}/ipset/seen`).map((m) => m.element)).toEqual([CLIENT]);
    expect(lab.network.ipSetMembers(`${NODE}/ipset/other`)).toEqual([]);
    lab.settle(6);
    lab.udp(WEB, 80);
    expect(lab.packets('FORWARD')).toEqual([1, 1, 1]);
    expect(lab.dropped().filter((text) => text.startsWith('NETFILTER'))).toEqual(['NETFILTER_DROP DROP in FORWARD (filter FORWARD)']);
  });
});

describe('sets', () => {
  const counted = (set: Partial<IpSet>, match: string): number => {
    const lab = new Lab({ 'filter FORWARD': [`-m set ${match}`] }, [
      { name: 's', ...set },
      { name: 'inner', entries: [{ element: WEB }] },
    ]);
    lab.udp();
    return lab.packets('FORWARD')[0] ?? -1;
  };
  const elements = (...list: string[]): Pick<IpSet, 'entries'> => ({ entries: list.map((element) => ({ element })) });

  it.each([
    ['hash:ip', elements(CLIENT), '--match-set s src', 1],
    ['hash:ip', elements(CLIENT), '--match-set s dst', 0],
    ['hash:ip', elements(CLIENT), '! --match-set s dst', 1],
    ['hash:net', elements('10.244.0.0/16'), '--match-set s src', 1],
    ['hash:net', { entries: [{ element: '10.0.0.0/8' }, { element: '10.244.0.0/24', nomatch: true }] }, '--match-set s src', 0],
    ['hash:net', { entries: [{ element: '10.0.0.0/8' }, { element: '10.244.0.0/24', nomatch: true }] }, '--match-set s src --return-nomatch', 1],
    ['hash:ip,port', elements(`${WEB},udp:80`), '--match-set s dst,dst', 1],
    ['hash:ip,port', elements(`${WEB},tcp:80`), '--match-set s dst,dst', 0],
    ['hash:ip,port', elements(`${WEB},udp:80`), '--match-set s dst', 0],
    ['hash:net,port', elements('10.244.0.0/24,udp:80'), '--match-set s dst,dst', 1],
    ['hash:ip,port,ip', elements(`${WEB},udp:80,${CLIENT}`), '--match-set s dst,dst,src', 1],
    ['hash:ip,port,net', elements(`${WEB},udp:80,10.244.0.0/24`), '--match-set s dst,dst,src', 1],
    ['hash:net,iface', elements('10.244.0.0/16,cni0'), '--match-set s src,src', 1],
    ['hash:net,iface', elements('10.244.0.0/16,eth0'), '--match-set s src,src', 0],
    ['bitmap:port', { range: '0-1023', ...elements('80') }, '--match-set s dst', 1],
    ['bitmap:ip', { range: '10.244.0.0-10.244.0.255', ...elements(WEB) }, '--match-set s dst', 1],
    ['list:set', elements('inner'), '--match-set s dst', 1],
    ['list:set', elements('inner'), '--match-set s src', 0],
    ['hash:ip', { netmask: 24, ...elements('10.244.0.0') }, '--match-set s src', 1],
    ['hash:ip', { counters: true, ...elements(CLIENT) }, '--match-set s src --packets-gt 5', 0],
    ['hash:ip', { counters: true, ...elements(CLIENT) }, '--match-set s src ! --packets-eq 5', 1],
  ] as const)('%s %j %s', (type, fields, match, count) => {
    expect(counted({ type, ...fields } as Partial<IpSet>, match)).toBe(count);
  });
});

describe('counters', () => {
  it('stay with the rules that stay when others come and go', () => {
    const lab = new Lab({ 'filter FORWARD': ['-p udp', '-p tcp', '-s 10.244.0.5/32'] });
    lab.udp();
    const record = lab.network.records.get(`${NODE}/chain/filter/FORWARD`);
    const rules = record.kind === 'chain' ? record.rules : [];
    lab.rules = [{ text: '-j RETURN' }, ...rules.slice(1)];
    expect(lab.packets('FORWARD')).toEqual([0, 0, 1]);
    lab.network.setCounters(`${NODE}/chain/filter/FORWARD`, {
      policy: [0, 0],
      rules: [
        [5, 50],
        [0, 0],
        [0, 0],
      ],
    });
    lab.udp();
    expect(lab.packets('FORWARD')).toEqual([6, 0, 0]);
  });

  it('and sets, buckets and lists are part of a snapshot', () => {
    const lab = new Lab(
      {
        'filter FORWARD': [
          '-j SET --add-set s src',
          '-m recent --name A --set',
          '-m hashlimit --hashlimit-name h --hashlimit-upto 1/hour --hashlimit-burst 1 -j LOG',
        ],
      },
      [{ name: 's', timeoutSeconds: 60 }],
    );
    lab.udp();
    const before = lab.network.snapshot();
    const state = (): unknown => [
      lab.network.ipSetMembers(`${NODE}/ipset/s`),
      lab.network.recentLists(NODE),
      lab.packets('FORWARD'),
      lab.network.kernelLog('node1'),
    ];
    const was = JSON.stringify(state());
    lab.hands.sendUdp(lab.web, CLIENT, 80, 1, 4);
    lab.udp();
    expect(JSON.stringify(state())).not.toBe(was);
    lab.network.restore(before);
    expect(JSON.stringify(state())).toBe(was);
  });
});
