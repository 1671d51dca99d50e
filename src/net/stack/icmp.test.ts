/** What a kernel says by ICMP, how often, and what it believes. */
import { describe, expect, it } from 'vitest';
import { Network } from '../network.ts';
import { fakeUserland } from '../testing/fake-userland.ts';
import { LEFT, ROUTER, type Routers, routers } from '../testing/routers.ts';
import { WorldBuilder } from '../testing/world-builder.ts';

/** How many of `count` datagrams, one each `gapSeconds`, are answered by an error. `to` is where they die. */
function errors(w: Routers, to: string, count: number, gapSeconds: number, ttl?: number): number {
  w.heard();
  for (let i = 0; i < count; i += 1) {
    w.hands.sendUdp(LEFT, to, 9, 40000 + i, 10, ttl === undefined ? {} : { ttl });
    w.settle(gapSeconds);
  }
  return w.heard().filter((line) => line.includes('icmp error')).length;
}

describe('ICMP errors', () => {
  it('go to one receiver six in a row, then one a second', () => {
    const w = routers();
    expect(errors(w, '10.2.0.2', 20, 0.001, 1)).toBe(6);
    w.settle(3);
    expect(errors(w, '10.2.0.2', 20, 0.001, 1)).toBe(3);
    w.settle(30);
    expect(errors(w, '10.2.0.2', 10, 1.01, 1)).toBe(10);
  });

  it('say why they are not sent', () => {
    const w = routers();
    errors(w, '10.2.0.2', 8, 0.001, 1);
    const answers = w
      .since(0)
      .flatMap((event) => (event.step.kind === 'dropped' && event.step.reason === 'IP_TTL_EXPIRED' ? [event.step.answered ?? event.step.detail] : []));
    expect(answers).toHaveLength(8);
    expect(answers.at(-1)).toContain('icmp_ratelimit');
  });

  it('about unroutable packets take two tokens of five, for the look-up and for the error', () => {
    const w = routers();
    expect(errors(w, '192.0.2.1', 12, 0.001)).toBe(2);
  });

  it('are unlimited with icmp_ratelimit 0, for kinds outside icmp_ratemask, and for «fragmentation needed»', () => {
    const unlimited = routers();
    unlimited.set(ROUTER, { 'net.ipv4.icmp_ratelimit': 0 });
    expect(errors(unlimited, '10.2.0.2', 20, 0.001, 1)).toBe(20);
    const unmasked = routers();
    unmasked.set(ROUTER, { 'net.ipv4.icmp_ratemask': 0 });
    expect(errors(unmasked, '10.2.0.2', 20, 0.001, 1)).toBe(20);
  });

  it('of all kinds to everybody share icmp_msgs_burst', () => {
    const w = routers();
    w.set(ROUTER, { 'net.ipv4.icmp_ratelimit': 0, 'net.ipv4.icmp_msgs_burst': 10, 'net.ipv4.icmp_msgs_per_sec': 1 });
    const sent = errors(w, '10.2.0.2', 50, 0.001, 1);
    // Each costs 0, 1 or 2 by chance.
    expect(sent).toBeGreaterThanOrEqual(5);
    expect(sent).toBeLessThan(30);
  });
});

/** left and two routers on one link; `near` is left's default gateway and reaches 10.9.0.0/16 by `far`, which has 10.9.0.1. */
function oneLink(sysctls: Readonly<Record<string, number>> = {}) {
  const b = new WorldBuilder();
  const link = b.host('link', {}, 'switch');
  const sw0 = b.device(link, 'sw0', { type: 'bridge', ageingSeconds: 300 });
  b.host('left', sysctls);
  b.host('near', { 'net.ipv4.ip_forward': 1 }, 'router');
  b.host('far', { 'net.ipv4.ip_forward': 1 }, 'router');
  ['left', 'near', 'far'].forEach((name, i) => {
    const addresses = [`10.1.0.${i + 2}/24`, ...(name === 'far' ? ['10.9.0.1/32'] : [])];
    b.cable('ethernet', { netns: link, name: `p-${name}` }, { netns: `${name}/netns/root`, name: 'eth0' }, { masterA: sw0, addressesB: addresses });
  });
  b.route(LEFT, '0.0.0.0/0', { gateway: '10.1.0.3', device: 'eth0' });
  b.route('near/netns/root', '10.9.0.0/16', { gateway: '10.1.0.4', device: 'eth0' });
  const fake = fakeUserland();
  const network = new Network({ seed: 1, records: b.records }, fake.create);
  const hands = fake.hands();
  /** Who forwarded, and what left was told. */
  const ping = (): string[] => {
    const from = network.traceLength;
    hands.heard.length = 0;
    hands.ping(LEFT, '10.9.0.1');
    network.advanceTo(network.nowNs + 1e9);
    const through = network.events(from, network.traceLength).some((e) => e.hostId === 'near' && e.step.kind === 'routed' && e.step.decision === 'forward');
    return [through ? 'by near' : 'at once', ...hands.heard.filter((line) => line.includes('error 5')).map((line) => line.replace(/ about.*/, ''))];
  };
  return { network, ping, get: () => network.routeGet(LEFT, '10.9.0.1') };
}

describe('a router that sends a packet out where it came in', () => {
  const TOLD = `${LEFT}: icmp error 5/1 from 10.1.0.3`;

  it('redirects its sender, who asks for the new gateway’s MAC first and believes the second time', () => {
    const w = oneLink();
    expect(w.ping()).toEqual(['by near', TOLD]);
    expect(w.ping()).toEqual(['by near', TOLD]);
    expect(w.get()).toMatchObject({ gateway: '10.1.0.4', redirected: true, expiresSeconds: 299 });
    expect(w.ping()).toEqual(['at once']);
  });

  it('is not believed by one who accepts no redirects, and falls silent after nine', () => {
    const w = oneLink({ 'net.ipv4.conf.all.accept_redirects': 0, 'net.ipv4.conf.default.accept_redirects': 0, 'net.ipv4.conf.eth0.accept_redirects': 0 });
    let told = 0;
    for (let i = 0; i < 40; i += 1) told += w.ping().length - 1;
    expect(told).toBe(9);
    expect(w.get()).toMatchObject({ gateway: '10.1.0.3', redirected: false });
  });

  it('is believed about other networks’ gateways only with shared_media, else only about gateways of the link that a route has', () => {
    const wary = { 'net.ipv4.conf.all.shared_media': 0, 'net.ipv4.conf.eth0.shared_media': 0 };
    const w = oneLink(wary);
    for (let i = 0; i < 3; i += 1) w.ping();
    expect(w.get()).toMatchObject({ gateway: '10.1.0.3', redirected: false });
    const trusting = oneLink({ ...wary, 'net.ipv4.conf.all.secure_redirects': 0, 'net.ipv4.conf.eth0.secure_redirects': 0 });
    for (let i = 0; i < 3; i += 1) trusting.ping();
    expect(trusting.get()).toMatchObject({ gateway: '10.1.0.4', redirected: true });
  });
});
