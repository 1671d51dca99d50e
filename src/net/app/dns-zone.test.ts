import { describe, expect, it } from 'vitest';
import { compressedDnsMessageBytes, dnsMessageBytes } from '../wire/dns-codec.ts';
import type { DnsType } from '../wire/dns-message.ts';
import { dnsAnswer, dnsQuestion } from './dns-query.ts';
import { fitDatagram, lookUp } from './dns-zone.ts';
import { searchNames } from './resolv-conf.ts';
import { DNS } from './testing/app-world.ts';

const ask = (name: string, type: DnsType = 'A') => {
  const outcome = lookUp(DNS, dnsQuestion(1, name, type));
  if (outcome.kind !== 'answer') return outcome.kind === 'chase' ? `chase ${outcome.target}` : 'forward';
  const { rcode, authoritative, answers, authorities, additionals } = outcome.message;
  return `${rcode}${authoritative ? ' aa' : ''} ${answers.map((record) => record.data).join(', ')}|${authorities.map((record) => record.type).join()}|${additionals.map((record) => record.data).join()}`;
};

describe('the zones of CoreDNS', () => {
  it.each<[string, DnsType, string]>([
    ['web-service.default.svc.cluster.local.', 'A', 'NOERROR aa 10.97.253.216||'],
    ['web-service.default.svc.cluster.local.', 'AAAA', 'NOERROR aa |SOA|'],
    ['_http._tcp.web-service.default.svc.cluster.local.', 'SRV', 'NOERROR aa 0 100 80 web-service.default.svc.cluster.local.||10.97.253.216'],
    ['old.default.svc.cluster.local.', 'A', 'NOERROR aa web-service.default.svc.cluster.local., 10.97.253.216||'],
    ['old.default.svc.cluster.local.', 'CNAME', 'NOERROR aa web-service.default.svc.cluster.local.||'],
    ['nope.default.svc.cluster.local.', 'A', 'NXDOMAIN aa |SOA|'],
    ['default.svc.cluster.local.', 'A', 'NOERROR aa |SOA|'],
    ['cluster.local.', 'SOA', 'NOERROR aa ns.dns.cluster.local. hostmaster.cluster.local. 1775293200 7200 1800 86400 30||'],
    ['10-244-1-9.default.pod.cluster.local.', 'A', 'NOERROR aa 10.244.1.9||'],
    ['10-244-1-900.default.pod.cluster.local.', 'A', 'NXDOMAIN aa |SOA|'],
    ['default.pod.cluster.local.', 'A', 'NOERROR aa |SOA|'],
    ['1.2.3.4.in-addr.arpa.', 'PTR', 'forward'],
    ['example.com.', 'A', 'forward'],
    ['xcluster.local.', 'A', 'forward'],
    ['constructor.', 'A', 'forward'],
  ])('%s %s: %s', (name, type, expected) => {
    expect(ask(name, type)).toBe(expected);
  });

  it('leave names that are properties of every object alone', () => {
    expect(ask('__proto__.default.svc.cluster.local.')).toBe('NXDOMAIN aa |SOA|');
    expect(ask('constructor.cluster.local.')).toBe('NXDOMAIN aa |SOA|');
  });
});

describe('an answer that is too long for a datagram', () => {
  const answer = (count: number) => {
    const query = dnsQuestion(1, 'headless.default.svc.cluster.local.', 'A');
    const answers = Array.from({ length: count }, (_gone, i) => ({ name: query.question.name, type: 'A' as const, ttlSeconds: 30, data: `10.244.1.${i}` }));
    return dnsAnswer(query, 'NOERROR', { authoritative: true, answers });
  };

  it('is sent plain, then with compressed names, then cut with the TC flag', () => {
    expect(fitDatagram(answer(5)).bytes).toBe(dnsMessageBytes(answer(5)));
    const compressed = fitDatagram(answer(20));
    expect(compressed.bytes).toBe(compressedDnsMessageBytes(answer(20)));
    expect(compressed.dns?.answers).toHaveLength(20);
    const cut = fitDatagram(answer(60));
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
