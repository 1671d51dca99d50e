import { describe, expect, it } from 'vitest';
import { compileGoRegexp, type GoRegexp } from '../../../base/go-regexp.ts';
import type { DnsFileZone, DnsPlugin, RewriteRule } from '../dns-server-config.ts';
import { type AppWorld, appWorld, CLIENT, ZONES } from '../testing/app-world.ts';
import { cacheOf, chainServer, forwardTo } from '../testing/simple-dns.ts';
import { parseZoneFile } from './zone-file.ts';

type NameRule = Extract<RewriteRule, { field: 'name' }>;

const COREDNS = 'controlplane/netns/coredns1.default/process/coredns';

function regexp(source: string): GoRegexp {
  const compiled = compileGoRegexp(source);
  if (!compiled.ok) throw new Error(compiled.error);
  return compiled.regexp;
}

function zone(origin: string, text: string): DnsFileZone {
  const parsed = parseZoneFile(text, origin);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.zone;
}

const kubernetes: DnsPlugin = { name: 'kubernetes', key: 'all', zones: ZONES };
const errors: DnsPlugin = { name: 'errors', consolidate: [] };
const log: DnsPlugin = { name: 'log', rules: [{ zones: ['.'], format: '{common}', classes: ['all'] }] };
const OUTSIDE = zone('.', '@ 60 SOA ns. admin. 1 1 1 1 60\nexample.com. 20 A 203.0.113.7\nalias.example.com. 20 CNAME example.com.\n');

/** A world whose CoreDNS has these plugins, and whose router knows example.com. */
function worldOf(chain: readonly DnsPlugin[]): AppWorld {
  const world = appWorld({ dns: chainServer(chain) });
  world.network.spawn({ netns: 'router/netns/root', app: 'dns-server', name: 'dns', config: chainServer([{ name: 'world', zones: [OUTSIDE] }]) });
  world.idle();
  return world;
}

const ask = (world: AppWorld, line: string) => world.run(CLIENT, `dig ${line} @10.244.0.2`).stdout;
const answers = (world: AppWorld, line: string) => ask(world, `+noall +answer ${line}`).replaceAll(/[\t ]+/g, ' ');
const status = (world: AppWorld, line: string) => /status: ([A-Z]+)/.exec(ask(world, line))?.[1];
const flags = (world: AppWorld, line: string) => /flags: ([a-z ]+);/.exec(ask(world, line))?.[1];
const wait = (world: AppWorld, seconds: number) => {
  world.network.run({ untilNs: world.network.nowNs + seconds * 1e9, maxEvents: 100_000 });
};

describe('rewrite', () => {
  const rule = (more: Pick<NameRule, 'match' | 'to'> & Partial<NameRule>): NameRule => ({ field: 'name', stop: true, auto: false, answers: [], ...more });
  const rewritten = (...rules: RewriteRule[]) => worldOf([{ name: 'rewrite', rules }, kubernetes]);

  it('by the whole name asks for another and answers for the one that was asked', () => {
    const world = rewritten(rule({ match: { how: 'exact', text: 'shop.corp.' }, to: 'web-service.default.svc.cluster.local.', auto: true }));
    expect(answers(world, 'shop.corp')).toBe('shop.corp. 30 IN A 10.97.253.216\n');
  });

  it('by suffix, without answer auto, shows the name that was really asked for', () => {
    const match = { how: 'suffix', text: '.corp.' } as const;
    expect(answers(rewritten(rule({ match, to: '.default.svc.cluster.local.' })), 'web-service.corp')).toBe(
      'web-service.default.svc.cluster.local. 30 IN A 10.97.253.216\n',
    );
    expect(answers(rewritten(rule({ match, to: '.default.svc.cluster.local.', auto: true })), 'db.corp A').split('\n')[0]).toMatch(/^db\.corp\. 30 IN A/);
  });

  it('by a regular expression fills in what its groups matched, and the answer rule takes it back', () => {
    const back = { part: 'name', regexp: regexp('(.*)\\.default\\.svc\\.cluster\\.local\\.'), to: '{1}.corp.' } as const;
    const world = rewritten(rule({ match: { how: 'regex', regexp: regexp('^(.*)\\.corp\\.$') }, to: '{1}.default.svc.cluster.local.', answers: [back] }));
    expect(answers(world, 'web-service.corp')).toBe('web-service.corp. 30 IN A 10.97.253.216\n');
  });

  it('of types, TTLs and codes', () => {
    const world = rewritten(
      { field: 'ttl', stop: false, match: { how: 'suffix', text: 'cluster.local.' }, min: 5, max: 5 },
      { field: 'rcode', stop: false, match: { how: 'suffix', text: 'cluster.local.' }, from: 'NXDOMAIN', to: 'REFUSED' },
      { field: 'type', stop: true, from: 'MX', to: 'A' },
    );
    expect(answers(world, 'web-service.default.svc.cluster.local MX')).toContain(' 5 IN A 10.97.253.216');
    expect(status(world, 'nope.default.svc.cluster.local')).toBe('REFUSED');
  });
});

describe('template', () => {
  it('builds its answer of the groups of the name, and fails where no expression fits', () => {
    const one = {
      type: 'A' as const,
      zones: ['example.'],
      match: [regexp('^ip-(?P<a>[0-9]*)-(?P<b>[0-9]*)[.]example[.]$')],
      answer: ['{{ .Name }} 60 IN A 10.0.{{ .Group.a }}.{{ .Group.b }}'],
      additional: [],
      authority: [],
      rcode: 'NOERROR' as const,
      fallthrough: [],
    };
    const world = worldOf([errors, { name: 'template', templates: [one] }, kubernetes]);
    expect(answers(world, 'ip-7-9.example')).toBe('ip-7-9.example. 60 IN A 10.0.7.9\n');
    expect(flags(world, 'ip-7-9.example')).toBe('qr aa rd');
    expect(status(world, 'other.example')).toBe('SERVFAIL');
    expect(status(world, 'ip-7-999.example')).toBe('SERVFAIL');
    expect(answers(world, 'web-service.default.svc.cluster.local')).toContain('10.97.253.216');
  });
});

describe('hosts', () => {
  const plugin = {
    name: 'hosts',
    zones: ['.'],
    ttlSeconds: 60,
    names: { 'db.corp.': ['10.9.9.9', 'fd00::9'] },
    reverse: { '9.9.9.10.in-addr.arpa.': ['db.corp.'] },
  };

  it('answers both families and the way back; a name without this type is empty, an unknown one fails', () => {
    const world = worldOf([{ ...plugin, fallthrough: [] } as DnsPlugin]);
    expect(answers(world, 'db.corp')).toBe('db.corp. 60 IN A 10.9.9.9\n');
    expect(answers(world, 'db.corp AAAA')).toBe('db.corp. 60 IN AAAA fd00::9\n');
    expect(answers(world, '-x 10.9.9.9')).toContain('PTR db.corp.');
    expect(status(world, 'db.corp MX')).toBe('NOERROR');
    expect(status(world, 'nope.corp')).toBe('SERVFAIL');
  });

  it('lets others through where it may', () => {
    expect(answers(worldOf([{ ...plugin, fallthrough: ['.'] } as DnsPlugin, kubernetes]), 'web-service.default.svc.cluster.local')).toContain('10.97.253.216');
  });
});

describe('file', () => {
  const text =
    '$TTL 60\n@ SOA ns admin 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n*.wild A 192.0.2.9\na.b.c A 192.0.2.3\nsub NS ns.sub\nns.sub A 192.0.2.5\nwww CNAME a.b.c\nout CNAME example.com.\n';
  const world = worldOf([{ name: 'file', zones: [zone('corp.', text)], fallthrough: [] }, forwardTo(['172.30.0.1'])]);

  it.each<[string, string, string]>([
    ['ns.corp', 'NOERROR', 'ns.corp. 60 IN A 192.0.2.1\n'],
    ['x.wild.corp', 'NOERROR', 'x.wild.corp. 60 IN A 192.0.2.9\n'],
    ['b.c.corp', 'NOERROR', ''],
    ['nope.corp', 'NXDOMAIN', ''],
    ['www.corp', 'NOERROR', 'www.corp. 60 IN CNAME a.b.c.corp.\na.b.c.corp. 60 IN A 192.0.2.3\n'],
    ['x.sub.corp', 'NOERROR', ''],
  ])('%s is %s', (name, rcode, expected) => {
    expect(status(world, name)).toBe(rcode);
    expect(answers(world, name)).toBe(expected);
  });

  it('refers to the servers of a zone below, and follows an alias out of its zone by asking the server itself', () => {
    expect(flags(world, 'x.sub.corp')).toBe('qr rd');
    expect(ask(world, '+noall +authority x.sub.corp')).toMatch(/^sub\.corp\.\s+60\s+IN\s+NS\s+ns\.sub\.corp\.\n$/);
    expect(answers(world, 'out.corp')).toBe('out.corp. 60 IN CNAME example.com.\nexample.com. 20 IN A 203.0.113.7\n');
    expect(ask(world, '+noall +authority out.corp')).toMatch(/^corp\.\s+60\s+IN\s+NS\s+ns\.corp\.\n$/);
  });

  it('follows aliases that lead in a circle ten times within a zone, and across zones until the server has asked itself nine times', () => {
    const circle = (origin: string, other: string) =>
      zone(origin, `$TTL 60\n@ SOA ns admin 1 2 3 4 5\n@ NS ns\na CNAME b\nb CNAME a\nover CNAME over.${other}\nlost CNAME nope.${other}\n`);
    const circles = worldOf([{ name: 'file', zones: [circle('one.', 'two.'), circle('two.', 'one.')], fallthrough: [] }]);
    expect(status(circles, 'a.one')).toBe('NOERROR');
    expect(answers(circles, 'a.one')).toBe('a.one. 60 IN CNAME b.one.\nb.one. 60 IN CNAME a.one.\n'.repeat(5));
    expect(status(circles, 'over.one')).toBe('SERVFAIL');
    expect(answers(circles, 'over.one')).toBe(
      `${'over.one. 60 IN CNAME over.two.\nover.two. 60 IN CNAME over.one.\n'.repeat(4)}over.one. 60 IN CNAME over.two.\n`,
    );
    // RFC 6604 section 3
    expect(status(circles, 'lost.one')).toBe('NXDOMAIN');
    expect(answers(circles, 'lost.one')).toBe('lost.one. 60 IN CNAME nope.two.\n');
  });
});

describe('cache', () => {
  it('keeps answers for their TTL, says that it is an authority, and counts down', () => {
    const world = worldOf([cacheOf(30), forwardTo(['172.30.0.1'])]);
    expect(flags(world, 'example.com')).toBe('qr rd ra');
    wait(world, 8);
    expect(flags(world, 'example.com')).toBe('qr aa rd ra');
    expect(answers(world, 'example.com')).toBe('example.com. 12 IN A 203.0.113.7\n');
    wait(world, 13);
    expect(answers(world, 'example.com')).toBe('example.com. 20 IN A 203.0.113.7\n');
  });

  it('serves what is stale with a TTL of 0 while the upstream is gone', () => {
    const stale = { ...cacheOf(30), serveStale: { seconds: 3600, verify: false } } as DnsPlugin;
    const world = worldOf([stale, forwardTo(['172.30.0.1'])]);
    answers(world, 'example.com');
    world.network.signal('router/netns/root/process/dns', 'SIGKILL');
    wait(world, 30);
    expect(answers(world, 'example.com')).toBe('example.com. 0 IN A 203.0.113.7\n');
  });

  it('fetches a popular name again before its time is over', () => {
    const popular = { ...cacheOf(30), prefetch: { amount: 2, seconds: 60, percent: 50 } } as DnsPlugin;
    const world = worldOf([popular, forwardTo(['172.30.0.1'])]);
    for (const seconds of [0, 5, 8]) {
      wait(world, seconds);
      answers(world, 'example.com');
    }
    wait(world, 2);
    expect(Number(/ (\d+) IN/.exec(answers(world, 'example.com'))?.[1])).toBeGreaterThan(15);
  });
});

describe('forward', () => {
  it('goes to the next upstream when one is silent, and leaves out the one that its probes find dead', () => {
    // 10.244.1.3 serves no names: its kernel says so.
    const world = worldOf([errors, forwardTo(['10.244.1.3', '172.30.0.1'])]);
    expect(answers(world, 'example.com')).toContain('203.0.113.7');
    wait(world, 5);
    const before = world.network.nowNs;
    expect(answers(world, 'example.com')).toContain('203.0.113.7');
    expect(world.network.nowNs - before).toBeLessThan(5e6);
  });

  it('over TCP alone when it is told so', () => {
    const world = worldOf([forwardTo(['172.30.0.1'], { forceTcp: true })]);
    expect(answers(world, 'alias.example.com')).toContain('203.0.113.7');
    expect(world.network.sockets('router/netns/root').some((socket) => socket.protocol === 'tcp' && socket.state === 'ESTAB')).toBe(true);
  });

  it('leaves names that are excepted to the next plugin', () => {
    const world = worldOf([forwardTo(['172.30.0.1'], { except: ['example.com.'] })]);
    expect(status(world, 'example.com')).toBe('SERVFAIL');
  });
});

describe('autopath', () => {
  it('walks the search list for its client, who gets the alias of what was found', () => {
    const search = ['default.svc.cluster.local.', 'svc.cluster.local.', 'cluster.local.'];
    const world = worldOf([{ name: 'autopath', zones: ['.'], search }, kubernetes, forwardTo(['172.30.0.1'])]);
    expect(answers(world, 'example.com.default.svc.cluster.local')).toBe(
      'example.com.default.svc.cluster.local. 20 IN CNAME example.com.\nexample.com. 20 IN A 203.0.113.7\n',
    );
    expect(answers(world, 'web-service.default.svc.cluster.local')).toBe('web-service.default.svc.cluster.local. 30 IN A 10.97.253.216\n');
  });
});

describe('small plugins', () => {
  it('whoami tells the client who it is, any refuses to list all, acl blocks, filters and drops', () => {
    expect(ask(worldOf([{ name: 'whoami' }]), '+noall +additional a.test')).toMatch(/a\.test\.\s+0\s+IN\s+A\s+10\.244\.0\.3\n_udp\.a\.test\./);
    expect(ask(worldOf([{ name: 'any' }, kubernetes]), '+noall +answer a.test ANY')).toContain('HINFO\t"ANY obsoleted" "See RFC 8482"');
    const acl = (action: 'block' | 'filter' | 'drop') =>
      worldOf([{ name: 'acl', rules: [{ zones: ['.'], action, types: ['A'], nets: ['10.244.0.0/24'] }] }, kubernetes]);
    expect(status(acl('block'), 'web-service.default.svc.cluster.local')).toBe('REFUSED');
    expect(status(acl('filter'), 'web-service.default.svc.cluster.local')).toBe('NOERROR');
    expect(ask(acl('drop'), '+tries=1 +time=1 web-service.default.svc.cluster.local')).toContain('timed out');
  });

  it('loadbalance mixes addresses', () => {
    const world = worldOf([{ name: 'loadbalance' }, kubernetes]);
    const orders = new Set(Array.from({ length: 12 }, () => ask(world, '+short db.default.svc.cluster.local')));
    expect(orders.size).toBeGreaterThan(2);
  });

  it('errors counts what it was told to consolidate', () => {
    const consolidate = [{ pattern: regexp('no next plugin'), seconds: 30, period: '30s', level: 'warning' }];
    const world = worldOf([{ name: 'errors', consolidate }, { name: 'minimal' }]);
    ask(world, 'a.test');
    ask(world, 'b.test');
    wait(world, 31);
    expect(world.output(COREDNS).stdout).toBe("[WARNING] plugin/errors: 2 errors like 'no next plugin' occurred in last 30s\n");
  });

  it('log writes only the classes it was asked for', () => {
    const denial: DnsPlugin = { name: 'log', rules: [{ zones: ['.'], format: '{proto} {name} {rcode}', classes: ['denial'] }] };
    const world = worldOf([denial, kubernetes]);
    ask(world, 'web-service.default.svc.cluster.local');
    ask(world, 'nope.default.svc.cluster.local');
    expect(world.output(COREDNS).stdout).toBe('[INFO] udp nope.default.svc.cluster.local. NXDOMAIN\n');
  });
});

describe('an answer over 512 bytes', () => {
  const names = { 'big.svc.': Array.from({ length: 60 }, (_gone, i) => ({ type: 'A' as const, data: `10.244.1.${i}` })) };
  const [first] = ZONES;
  const world = worldOf([log, { name: 'kubernetes', key: 'big', zones: [{ ...(first as NonNullable<typeof first>), origin: 'svc.', names }] }]);

  it('is cut for clients without EDNS, which ask again over TCP; with EDNS it comes whole', () => {
    expect(ask(world, '+noedns +ignore big.svc')).toMatch(/flags: qr aa tc rd;/);
    const whole = ask(world, '+noedns big.svc');
    expect(whole).toContain(';; Truncated, retrying in TCP mode.\n');
    expect(whole).toContain('ANSWER: 60,');
    expect(whole).toContain('(TCP)');
    expect(ask(world, 'big.svc')).toMatch(/flags: qr aa rd; QUERY: 1, ANSWER: 60,/);
    expect(world.output(COREDNS).stdout).toMatch(/"A IN big\.svc\. tcp 25 false 65535" NOERROR qr,aa,rd /);
  });

  it('reaches programs whole: both C libraries turn to TCP', () => {
    for (const libc of ['glibc', 'musl'] as const) {
      const client = world.b.records.get(CLIENT);
      if (client.kind !== 'netns') throw new Error('no netns');
      world.b.records.put({ ...client, files: { '/etc/resolv.conf': 'nameserver 10.244.0.2\n' } });
      const id = world.network.spawn({ netns: CLIENT, app: 'getent', name: `getent-${libc}`, libc, config: { database: 'ahostsv4', names: ['big.svc'] } });
      world.idle();
      expect(world.output(id).stdout.match(/STREAM/g)).toHaveLength(60);
    }
  });
});
