import { describe, expect, it } from 'vitest';
import { compressedDnsMessageBytes, dnsMessageBytes } from '../wire/dns-codec.ts';
import type { DnsType } from '../wire/dns-message.ts';
import { fitMessage } from './dns/fit.ts';
import { lookUpZones } from './dns/kubernetes.ts';
import { dnsAnswer, dnsQuestion } from './dns-query.ts';
import { searchNames } from './resolv-conf.ts';
import { ZONES } from './testing/app-world.ts';

const ask = (name: string, type: DnsType = 'A') => {
  const outcome = lookUpZones(ZONES, { name, type });
  if (outcome.kind === 'chase') return `chase ${outcome.target}`;
  if (outcome.kind !== 'answer') return outcome.kind;
  const { rcode, answers, authorities, additionals } = outcome;
  return `${rcode} ${answers.map((record) => record.data).join(', ')}|${authorities.map((record) => record.type).join()}|${additionals.map((record) => record.data).join()}`;
};

describe('the zones of CoreDNS', () => {
  it.each<[string, DnsType, string]>([
    ['web-service.default.svc.cluster.local.', 'A', 'NOERROR 10.97.253.216||'],
    ['web-service.default.svc.cluster.local.', 'AAAA', 'NOERROR |SOA|'],
    ['_http._tcp.web-service.default.svc.cluster.local.', 'SRV', 'NOERROR 0 100 80 web-service.default.svc.cluster.local.||10.97.253.216'],
    ['old.default.svc.cluster.local.', 'A', 'NOERROR web-service.default.svc.cluster.local., 10.97.253.216||'],
    ['old.default.svc.cluster.local.', 'CNAME', 'NOERROR web-service.default.svc.cluster.local.||'],
    ['nope.default.svc.cluster.local.', 'A', 'NXDOMAIN |SOA|'],
    ['default.svc.cluster.local.', 'A', 'NOERROR |SOA|'],
    ['cluster.local.', 'SOA', 'NOERROR ns.dns.cluster.local. hostmaster.cluster.local. 1775293200 7200 1800 86400 30||'],
    ['10-244-1-9.default.pod.cluster.local.', 'A', 'NOERROR 10.244.1.9||'],
    ['10-244-1-900.default.pod.cluster.local.', 'A', 'NXDOMAIN |SOA|'],
    ['default.pod.cluster.local.', 'A', 'NOERROR |SOA|'],
    ['1.2.3.4.in-addr.arpa.', 'PTR', 'next'],
    ['example.com.', 'A', 'next'],
    ['xcluster.local.', 'A', 'next'],
    ['constructor.', 'A', 'next'],
  ])('%s %s: %s', (name, type, expected) => {
    expect(ask(name, type)).toBe(expected);
  });

  it('leave names that are properties of every object alone', () => {
    expect(ask('__proto__.default.svc.cluster.local.')).toBe('NXDOMAIN |SOA|');
    expect(ask('constructor.cluster.local.')).toBe('NXDOMAIN |SOA|');
  });
});

describe('an answer that is too long for a datagram', () => {
  const answer = (count: number) => {
    const query = dnsQuestion(1, 'headless.default.svc.cluster.local.', 'A');
    const answers = Array.from({ length: count }, (_gone, i) => ({ name: query.question.name, type: 'A' as const, ttlSeconds: 30, data: `10.244.1.${i}` }));
    return dnsAnswer(query, 'NOERROR', { authoritative: true, answers });
  };

  it('is sent plain, then with compressed names, then cut with the TC flag', () => {
    expect(fitMessage(answer(5), 512).bytes).toBe(dnsMessageBytes(answer(5)));
    const compressed = fitMessage(answer(20), 512);
    expect(compressed.bytes).toBe(compressedDnsMessageBytes(answer(20)));
    expect(compressed.dns?.answers).toHaveLength(20);
    const cut = fitMessage(answer(60), 512);
    expect(cut.dns?.truncated).toBe(true);
    expect(cut.bytes).toBeLessThanOrEqual(512);
    expect(cut.dns?.answers.length).toBeGreaterThan(20);
  });
});

describe('the search list', () => {
  const conf = { search: ['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local'], ndots: 5 };
  it('comes first for names with few dots, last for names with many, never for absolute ones', () => {
    expect(searchNames('web', conf)).toEqual(['web.default.svc.cluster.local.', 'web.svc.cluster.local.', 'web.cluster.local.', 'web.']);
    expect(searchNames('a.b.c.d.e.f', conf)[0]).toBe('a.b.c.d.e.f.');
    expect(searchNames('example.com.', conf)).toEqual(['example.com.']);
  });
});
