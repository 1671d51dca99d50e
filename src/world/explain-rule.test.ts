import { describe, expect, it } from 'vitest';
import { explainRule } from './explain-rule.ts';
import { openArticle } from './testing/article.ts';

const origin = { component: 'kube-proxy', objects: ['Service/default/web-service'] };
const told = (text: string, from = origin) =>
  explainRule(text, from)
    .map((phrase) => phrase.text)
    .join('');

describe('a rule in a sentence', () => {
  it("tells a Service's address, and where it leads", () => {
    expect(told('-d 10.97.253.216/32 -p tcp -m comment --comment "default/web-service cluster IP" -m tcp --dport 80 -j KUBE-SVC-7QIBFKZUHD4BZQ6O')).toBe(
      "A TCP packet to 10.97.253.216/32, to port 80 goes on in KUBE-SVC-7QIBFKZUHD4BZQ6O, which chooses one of all the Service's endpoints. Written by kube-proxy for Service/default/web-service.",
    );
  });
  it('tells the chance of an endpoint, affinity, and the new destination', () => {
    expect(told('-m comment --comment "x -> y" -m statistic --mode random --probability 0.3333333333 -j KUBE-SEP-A')).toBe(
      'A packet, in 33 of 100 cases by chance, goes on in KUBE-SEP-A, which is one endpoint. Written by kube-proxy for Service/default/web-service.',
    );
    expect(told('-m recent --rcheck --seconds 10800 --reap --name KUBE-SEP-A --mask 255.255.255.255 --rsource -j KUBE-SEP-A')).toContain(
      'A packet of a client that came here within the last 10800 seconds goes on in KUBE-SEP-A',
    );
    expect(told('-p tcp -m tcp -j DNAT --to-destination 10.244.1.4:80')).toMatch(/^A TCP packet gets the destination 10\.244\.1\.4:80\. /);
  });
  it('tells negations, marks and masquerade', () => {
    expect(told('! -s 10.244.0.0/16 -d 10.97.253.216/32 -j KUBE-MARK-MASQ')).toMatch(
      /^A packet not from 10\.244\.0\.0\/16, to 10\.97\.253\.216\/32 goes on in KUBE-MARK-MASQ, which marks/,
    );
    expect(told('-m mark ! --mark 0x4000/0x4000 -j RETURN')).toMatch(/^A packet without the mark 0x4000\/0x4000 goes back to the chain it came from\. /);
    expect(told('-j MASQUERADE --random-fully')).toMatch(/^A packet gets the address of the device it leaves by and a random port as its source\. /);
    expect(told('-m conntrack --ctstate INVALID -j DROP')).toMatch(/^A packet of a connection in state INVALID is dropped without a word\. /);
  });
  it('keeps the text of what it has no words for', () => {
    expect(told('-m ttl --ttl-eq 64 -j ACCEPT', { component: 'user', objects: [] })).toBe('A packet --ttl-eq 64 is let through. Written by user.');
  });
  it("finds words for every rule of the article's cluster", () => {
    const world = openArticle();
    let rules = 0;
    for (const record of world.records.values()) {
      if (record.kind !== 'chain') continue;
      for (const rule of record.rules) {
        rules += 1;
        expect(told(rule.text, { ...(rule.origin ?? record.origin), objects: [] }), rule.text).not.toMatch(/ --|undefined/);
      }
    }
    expect(rules).toBeGreaterThan(60);
  });
});
