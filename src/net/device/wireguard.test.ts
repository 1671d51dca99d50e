/** WireGuard as its peers and the wire see it: handshake, allowed IPs, padding, timers, keys that grow old. */
import { describe, expect, it } from 'vitest';
import type { WireguardDevice } from '../records.ts';
import { A, B, type Hosts, layerNames, twoHosts } from './testing/hosts.ts';

type Peer = WireguardDevice['peers'][number];

const base = { type: 'wireguard', listenPort: 51820, mtuBytes: 1420, mac: '00:00:00:00:00:00' } as const;
const toB: Peer = { publicKey: 'B', endpoint: '172.16.0.2:51820', allowedIps: ['10.8.0.2/32', '10.20.0.0/16'] };
const toA: Peer = { publicKey: 'A', endpoint: '172.16.0.1:51820', allowedIps: ['10.8.0.1/32'] };

function tunnel(peerOfA: Partial<Peer> = {}, peerOfB: Partial<Peer> | 'none' = {}, mtu?: number): Hosts {
  return twoHosts(
    (b) => {
      b.device(A, 'wg0', { ...base, publicKey: 'A', peers: [{ ...toB, ...peerOfA }] }, ['10.8.0.1/24']);
      b.device(B, 'wg0', { ...base, publicKey: 'B', peers: peerOfB === 'none' ? [] : [{ ...toA, ...peerOfB }] }, ['10.8.0.2/24']);
    },
    mtu === undefined ? {} : { mtu },
  );
}

/** UDP payload lengths on a's cable with their direction. */
function onWire(w: Hosts): string[] {
  return w.events().flatMap((e) => {
    const layer = e.layers.find((l) => l.protocol === 'wireguard');
    if (e.hostId !== 'a' || e.device !== 'eth0' || layer?.protocol !== 'wireguard') return [];
    if (e.step.kind !== 'transmitted' && e.step.kind !== 'received') return [];
    return [`${e.step.kind === 'transmitted' ? '>' : '<'} ${layer.bytes} ${layer.text.split(',')[0]}`];
  });
}

describe('WireGuard', () => {
  it('shakes hands first while the packet waits: 148 bytes, 92 bytes, then data', () => {
    const w = tunnel();
    w.hands.ping(A, '10.8.0.2');
    w.settle();
    expect(w.heard()).toEqual([`${A}: icmp 10.8.0.2 > 10.8.0.1 ttl 64`]);
    // 84 bytes are padded to 96; 32 more are header and tag.
    expect(onWire(w)).toEqual(['> 148 Handshake Initiation', '< 92 Handshake Response', '> 128 Transport Data', '< 128 Transport Data']);
    w.hands.ping(A, '10.8.0.2');
    w.settle();
    expect(onWire(w).slice(4)).toEqual(['> 128 Transport Data', '< 128 Transport Data']);
  });

  it('costs 60 bytes and padding, has TTL 64 and no DF outside, and leaves the TTL inside alone', () => {
    const w = tunnel();
    w.hands.ping(A, '10.8.0.2', { ttl: 3 });
    w.settle();
    const [sent] = w.steps('encapsulated');
    expect(sent?.step).toMatchObject({ protocol: 'wireguard', overheadBytes: 60, remoteIp: '172.16.0.2' });
    expect(layerNames(sent as NonNullable<typeof sent>)).toBe('ethernet ipv4 udp wireguard ipv4 icmp data');
    expect(sent?.layers[1]).toMatchObject({ ttl: 64, flags: 'none', totalBytes: 96 + 60 });
    expect(sent?.layers[4]).toMatchObject({ ttl: 3, totalBytes: 84 });
    const full = tunnel();
    full.hands.sendUdp(A, '10.8.0.2', 80, 4000, 1392);
    full.settle();
    // A full packet is not padded beyond the MTU: 1480 bytes on the wire.
    expect(full.steps('encapsulated')[0]?.layers[1]).toMatchObject({ totalBytes: 1480 });
  });

  it('sends by allowed IPs, and refuses what no peer has', () => {
    const w = tunnel();
    w.b.route(A, '10.20.0.0/16', { device: 'wg0' });
    w.b.route(A, '10.30.0.0/16', { device: 'wg0' });
    w.settle();
    w.hands.sendUdp(A, '10.30.0.1', 80, 4000, 10);
    w.settle();
    expect(w.heard()).toEqual([`${A}: icmp error 3/1 from 10.8.0.1 about 10.8.0.1:4000 > 10.30.0.1:80`]);
    expect(w.steps('dropped')[0]?.step).toMatchObject({ reason: 'TUNNEL_NO_ROUTE', detail: 'no peer has 10.30.0.1 among its allowed IPs' });
    w.hands.sendUdp(A, '10.20.0.1', 80, 4000, 10);
    w.settle();
    expect(w.steps('decapsulated').filter((e) => e.hostId === 'b')).toHaveLength(1);
  });

  it('drops a source that the peer may not use', () => {
    const w = tunnel({}, { allowedIps: ['10.8.0.77/32'] });
    w.hands.sendUdp(A, '10.8.0.2', 80, 4000, 10);
    w.settle();
    expect(w.heard()).toEqual([]);
    expect(w.steps('dropped').slice(-1)[0]?.step.reason).toBe('TUNNEL_SOURCE_REFUSED');
  });

  it('does not answer a stranger; the caller tries for a minute and a half and gives up', () => {
    const w = tunnel({}, 'none');
    w.hands.sendUdp(A, '10.8.0.2', 80, 4000, 10);
    w.settle();
    const reasons = w.steps('dropped').map((e) => `${e.hostId} ${e.step.reason}`);
    expect(reasons.filter((r) => r === 'b TUNNEL_NO_SESSION')).toHaveLength(19);
    expect(reasons.slice(-1)).toEqual(['a TUNNEL_NO_SESSION']);
    expect(w.network.nowNs / 1e9).toBeGreaterThan(90);
    expect(w.network.nowNs / 1e9).toBeLessThan(105);
  });

  it('learns the endpoint of a peer that calls', () => {
    const w = twoHosts((b) => {
      b.device(A, 'wg0', { ...base, publicKey: 'A', peers: [toB] }, ['10.8.0.1/24']);
      b.device(B, 'wg0', { ...base, publicKey: 'B', peers: [{ publicKey: 'A', allowedIps: ['10.8.0.1/32'] }] }, ['10.8.0.2/24']);
    });
    w.hands.sendUdp(B, '10.8.0.1', 80, 4000, 10);
    w.settle();
    expect(w.heard()).toEqual([`${B}: icmp error 3/1 from 10.8.0.2 about 10.8.0.2:4000 > 10.8.0.1:80`]);
    w.hands.ping(A, '10.8.0.2');
    w.settle();
    w.hands.sendUdp(B, '10.8.0.1', 80, 4000, 10);
    w.settle();
    expect(w.heard()).toEqual([`${A}: icmp 10.8.0.2 > 10.8.0.1 ttl 64`, `${A}: udp 10.8.0.2:4000 > 10.8.0.1:80 ttl 64`]);
  });

  it('takes a new key after two minutes if it began the old one, and none older than three', () => {
    const w = tunnel();
    w.hands.ping(A, '10.8.0.2');
    w.settle();
    w.pass(121);
    w.hands.ping(A, '10.8.0.2');
    w.settle();
    expect(onWire(w).filter((l) => l.includes('Initiation'))).toHaveLength(2);
    w.pass(200);
    w.hands.ping(A, '10.8.0.2');
    w.settle();
    const late = onWire(w).slice(onWire(w).lastIndexOf('> 148 Handshake Initiation'));
    expect(late.slice(0, 3)).toEqual(['> 148 Handshake Initiation', '< 92 Handshake Response', '> 128 Transport Data']);
  });

  it('answers data with a keepalive after ten seconds, and calls every 25 seconds where it is told to', () => {
    const w = tunnel();
    w.hands.sendUdp(A, '10.8.0.2', 80, 4000, 10);
    w.settle();
    w.pass(9);
    expect(onWire(w).filter((l) => l.startsWith('< 32'))).toEqual([]);
    w.pass(2);
    expect(onWire(w).filter((l) => l.startsWith('< 32'))).toEqual(['< 32 Keepalive']);
    const persistent = tunnel({ keepaliveSeconds: 25 });
    persistent.pass(76);
    expect(onWire(persistent)).toEqual([
      '> 148 Handshake Initiation',
      '< 92 Handshake Response',
      '> 32 Keepalive',
      '> 32 Keepalive',
      '> 32 Keepalive',
      '> 32 Keepalive',
    ]);
  });

  it('forgets its keys when it goes down', () => {
    const w = tunnel();
    w.hands.ping(A, '10.8.0.2');
    w.settle();
    const wg0 = w.b.records.get(`${A}/device/wg0`);
    if (wg0.kind !== 'device') return;
    w.b.records.put({ ...wg0, up: false });
    w.settle();
    w.b.records.put(wg0);
    w.settle();
    w.pass(10);
    w.hands.ping(A, '10.8.0.2');
    w.settle();
    expect(onWire(w).filter((l) => l.includes('Initiation'))).toHaveLength(2);
  });

  it('gives the same log when it runs on from a snapshot', () => {
    const w = tunnel({ keepaliveSeconds: 25 });
    w.hands.ping(A, '10.8.0.2');
    w.network.run({ untilNs: Number.POSITIVE_INFINITY, maxEvents: 3 });
    const snapshot = w.network.snapshot();
    w.pass(140);
    const first = JSON.stringify(w.events());
    w.network.restore(snapshot);
    w.pass(140);
    expect(JSON.stringify(w.events())).toBe(first);
    expect(first).toContain('Keepalive');
  });
});
