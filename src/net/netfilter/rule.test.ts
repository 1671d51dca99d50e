import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MATCHES } from './match/index.ts';
import { formatRule, listRule, parseRule } from './rule.ts';
import { TARGETS } from './target/index.ts';

const canonical = (text: string): string => {
  const result = parseRule(text);
  return 'error' in result ? `error: ${result.error}` : formatRule(result.rule);
};

describe('a rule comes out as iptables-save prints it', () => {
  it.each([
    ['-m comment --comment "kubernetes service portals" -j KUBE-SERVICES', '-m comment --comment "kubernetes service portals" -j KUBE-SERVICES'],
    [
      '-d 10.96.0.10 -p tcp -m comment --comment "shop/web:http cluster IP" --dport 80 -j KUBE-SVC-ABCDEF',
      '-d 10.96.0.10/32 -p tcp -m comment --comment "shop/web:http cluster IP" -m tcp --dport 80 -j KUBE-SVC-ABCDEF',
    ],
    [
      '-m comment --comment "shop/web:http -> 10.244.1.3:8080" -m statistic --mode random --probability 0.5 -j KUBE-SEP-AAAAAA',
      '-m comment --comment "shop/web:http -> 10.244.1.3:8080" -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-AAAAAA',
    ],
    ['-m statistic --mode random --probability 0.3333333333 -j X', '-m statistic --mode random --probability 0.33333333349 -j X'],
    [
      '-p tcp -m tcp -m comment --comment "x/y" -j DNAT --to-destination 10.244.1.3:8080',
      '-p tcp -m tcp -m comment --comment "x/y" -j DNAT --to-destination 10.244.1.3:8080',
    ],
    ['-j MARK --or-mark 0x4000', '-j MARK --set-xmark 0x4000/0x4000'],
    ['-j MARK --xor-mark 0x4000', '-j MARK --set-xmark 0x4000/0x0'],
    ['-j MARK --set-mark 1', '-j MARK --set-xmark 0x1/0xffffffff'],
    ['-m mark ! --mark 0x4000/0x4000 -j RETURN', '-m mark ! --mark 0x4000/0x4000 -j RETURN'],
    [
      '! --source 10.244.0.0/16 --destination 10.244.0.0/255.255.0.0 -j MASQUERADE --random-fully',
      '! -s 10.244.0.0/16 -d 10.244.0.0/16 -j MASQUERADE --random-fully',
    ],
    ['-j REJECT', '-j REJECT --reject-with icmp-port-unreachable'],
    ['-m state --state established,related -j ACCEPT', '-m state --state RELATED,ESTABLISHED -j ACCEPT'],
    ['-p tcp --syn -j DROP', '-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j DROP'],
    ['-p tcp -m multiport --dports 80,443,8000:8080 -j ACCEPT', '-p tcp -m multiport --dports 80,443,8000:8080 -j ACCEPT'],
    ['-p icmp --icmp-type echo-request -j ACCEPT', '-p icmp -m icmp --icmp-type 8 -j ACCEPT'],
    ['-m limit --limit 5/minute -j LOG --log-prefix "drop: " --log-level debug', '-m limit --limit 5/min -j LOG --log-prefix "drop: " --log-level 7'],
    [
      '-m recent --name KUBE-SEP-A --rcheck --seconds 10800 --reap -j KUBE-SEP-A',
      '-m recent --rcheck --seconds 10800 --reap --name KUBE-SEP-A --mask 255.255.255.255 --rsource -j KUBE-SEP-A',
    ],
    ['-m ipvs --ipvs', '-m ipvs --ipvs'],
    [
      '-m ipvs --vaddr 10.0.0.1 --vport 80 --vproto tcp --vdir original --vmethod masq',
      '-m ipvs --vproto 6 --vaddr 10.0.0.1 --vport 80 --vdir ORIGINAL --vmethod MASQ',
    ],
    ['-g OTHER -i cni+ ! -o eth0', '-i cni+ ! -o eth0 -g OTHER'],
    ['-j NOTRACK', '-j NOTRACK'],
    [
      '-m addrtype --dst-type local -m comment --comment single -j KUBE-NODEPORTS',
      '-m addrtype --dst-type LOCAL -m comment --comment single -j KUBE-NODEPORTS',
    ],
    ['-s 0.0.0.0/0 -p all -j ACCEPT', '-j ACCEPT'],
    ['-m comment --comment "it\'s \\"quoted\\""', '-m comment --comment "it\\\'s \\"quoted\\""'],
  ])('%s', (text, expected) => {
    expect(canonical(text)).toBe(expected);
  });

  it('and read again says the same, for every rule of any make', () => {
    const octet = fc.integer({ min: 0, max: 255 });
    const ip = fc.tuple(octet, octet, octet, octet).map((o) => o.join('.'));
    const negate = fc.constantFrom('', '! ');
    const parts = fc.array(
      fc.oneof(
        fc.tuple(negate, ip, fc.integer({ min: 1, max: 32 })).map(([n, a, l]) => `${n}-d ${a}/${l}`),
        fc.tuple(negate, fc.constantFrom('cni0', 'veth+', 'eth0')).map(([n, d]) => `${n}-i ${d}`),
        fc.tuple(negate, fc.integer({ min: 0, max: 65535 })).map(([n, p]) => `-p tcp ${n}--dport ${p}`),
        fc.stringMatching(/^[ -~]{1,30}$/).map((c) => `-m comment --comment "${c.replace(/["\\]/g, '\\$&')}"`),
        fc.tuple(negate, fc.integer({ min: 0, max: 0xffffffff }), fc.integer({ min: 0, max: 0xfffffffe })).map(([n, v, m]) => `-m mark ${n}--mark ${v}/${m}`),
        fc.double({ min: 0, max: 1, noNaN: true }).map((p) => `-m statistic --mode random --probability ${p.toFixed(8)}`),
        fc.tuple(fc.integer({ min: 1, max: 200 }), fc.constantFrom('second', 'minute', 'hour', 'day')).map(([n, u]) => `-m limit --limit ${n}/${u}`),
      ),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(parts, fc.constantFrom('-j ACCEPT', '-j DROP', '-j OTHER', '-g OTHER', '-j MARK --set-xmark 0x1/0x3', ''), (matches, end) => {
        const once = canonical([...matches, end].join(' '));
        return once.startsWith('error: ') || canonical(once) === once;
      }),
    );
  });

  it('never throws on anything a person may type', () => {
    const words = fc.array(
      fc.oneof(
        fc.constantFrom('-s', '-d', '-p', 'tcp', '-m', '-j', '--dport', '!', '"', 'comment', '--comment', '10.0.0.0/8', 'ACCEPT'),
        fc.string({ maxLength: 8 }),
      ),
      { maxLength: 12 },
    );
    fc.assert(fc.property(words, (list) => typeof canonical(list.join(' ')) === 'string'));
  });
});

describe("what iptables refuses it says in iptables' words", () => {
  it.each([
    ['-m nosuch -j ACCEPT', "Couldn't load match `nosuch':No such file or directory\n"],
    ['--dport 80 -j ACCEPT', 'unknown option "--dport"'],
    ['-p tcp --nosuch 1 -j ACCEPT', 'unknown option "--nosuch"'],
    ['-p nosuch -j ACCEPT', 'unknown protocol "nosuch" specified'],
    ['-s 10.0.0.x -j ACCEPT', "host/network `10.0.0.x' not found"],
    ['-p tcp --dport eighty -j ACCEPT', "invalid port/service `eighty' specified"],
    ['-p tcp --dport', 'option "--dport" requires an argument'],
    ['stray -j ACCEPT', "Bad argument `stray'"],
    ['-j DNAT --to-destination 10.0.0.1:80', 'Need TCP, UDP, SCTP or DCCP with port specification'],
    ['-j REJECT --reject-with nothing', 'unknown reject type "nothing"'],
    ['-m statistic --mode random --probability 2', 'statistic: bad value for option "--probability", or out of range (0-1).\n'],
    ['-m conntrack --ctstate ODD', 'Bad ctstate "ODD"'],
    ['-m ipvs', 'IPVS: At least one option is required'],
    ['-m ipvs --vmethod foo', 'ipvs: Bad value for "--vmethod" option: "foo"'],
    ['! ! -s 10.0.0.1', 'multiple consecutive ! not allowed'],
    ['! -m tcp', 'unexpected ! flag before --match'],
    ['-j "A B"', "Invalid target name `A B'"],
    ['-m comment "unclosed', 'unterminated quotes in `-m comment "unclosed\''],
  ])('%s', (text, error) => {
    expect(parseRule(text)).toEqual({ error });
  });
});

describe('iptables -L', () => {
  it('prints a rule in columns', () => {
    const result = parseRule('-m comment --comment "shop/web:http -> 10.244.1.3:8080" -m statistic --mode random --probability 0.5 -j KUBE-SEP-AAAAAA');
    expect('rule' in result && listRule(result.rule)).toEqual({
      target: 'KUBE-SEP-AAAAAA',
      protocol: '0',
      options: '--',
      inDevice: '*',
      outDevice: '*',
      source: '0.0.0.0/0',
      destination: '0.0.0.0/0',
      extra: ' /* shop/web:http -> 10.244.1.3:8080 */ statistic mode random probability 0.50000000000',
    });
  });
});

describe('the contents pages', () => {
  it('name every match and target once', () => {
    for (const list of [MATCHES, TARGETS]) expect(new Set(list.map((d) => d.name)).size).toBe(list.length);
  });
});
