/** Rule sets of many makes, as iptables-save prints them, for property tests. */
import fc from 'fast-check';

/** Rules of many makes, as iptables-save prints them. */
const address = fc
  .tuple(fc.integer({ min: 1, max: 223 }), fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 255 }), fc.constantFrom(8, 16, 24, 32))
  .map(([a, b, c, length]) => {
    const octets = [a, length > 8 ? b : 0, length > 16 ? c : 0, length > 24 ? 7 : 0];
    return `${octets.join('.')}/${length}`;
  });
const bang = fc.constantFrom('', '! ');
const head = fc.record({
  source: fc.option(
    fc.tuple(bang, address).map(([n, a]) => `${n}-s ${a}`),
    { nil: '' },
  ),
  destination: fc.option(
    fc.tuple(bang, address).map(([n, a]) => `${n}-d ${a}`),
    { nil: '' },
  ),
  device: fc.constantFrom('', '-i eth0', '! -i cni+', '-i lo'),
});
const protocol = fc.oneof(
  fc.constant(''),
  fc.tuple(fc.constantFrom('tcp', 'udp'), bang, fc.integer({ min: 0, max: 65534 })).map(([p, n, port]) => `-p ${p} -m ${p} ${n}--dport ${port}`),
  fc.integer({ min: 0, max: 254 }).map((type) => `-p icmp -m icmp --icmp-type ${type}`),
  fc.constant('-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN'),
);
const match = fc.oneof(
  fc.constantFrom(
    '',
    '-m conntrack --ctstate RELATED,ESTABLISHED',
    '-m addrtype --dst-type LOCAL',
    '-m recent --rcheck --seconds 60 --name X --mask 255.255.255.255 --rsource',
    '-m pkttype ! --pkt-type multicast',
    '-m ttl --ttl-gt 5',
    '-m recent ! --set --name Y --mask 255.255.255.0 --rdest',
    '-m dscp --dscp 0x0a',
    '-m iprange --src-range 10.0.0.1-10.0.0.9',
    '-m string --string "GET /" --algo bm --to 100',
    '-m hashlimit --hashlimit-upto 10/sec --hashlimit-burst 5 --hashlimit-mode srcip,dstport --hashlimit-name H',
    '-m connlimit --connlimit-above 3 --connlimit-mask 24 --connlimit-saddr',
    '-m conntrack ! --ctstate INVALID --ctproto 6 --ctorigsrc 10.0.0.0/8',
    '-m mac ! --mac-source 02:00:00:00:00:5a',
    '-m quota --quota 1000',
    '-m state --state NEW',
    '-m connmark --mark 0x1/0x3',
  ),
  fc.stringMatching(/^[a-z ]{1,20}$/).map((text) => `-m comment --comment ${/^[a-z]+$/.test(text) ? text : `"${text}"`}`),
  fc.tuple(bang, fc.integer({ min: 0, max: 255 })).map(([n, v]) => `-m mark ${n}--mark 0x${v.toString(16)}/0xff`),
  fc.tuple(fc.integer({ min: 1, max: 20 }), fc.constantFrom('sec', 'min', 'hour')).map(([n, unit]) => `-m limit --limit ${n}/${unit}`),
  fc.tuple(fc.integer({ min: 2, max: 9 }), fc.nat(1)).map(([every, packet]) => `-m statistic --mode nth --every ${every} --packet ${packet}`),
  fc.tuple(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 101, max: 999 })).map(([a, b]) => `-m length --length ${a}:${b}`),
);
const end = fc.constantFrom(
  '',
  '-j ACCEPT',
  '-j DROP',
  '-j RETURN',
  '-j USER',
  '-g USER',
  '-j REJECT --reject-with icmp-port-unreachable',
  '-j MARK --set-xmark 0x1/0x1',
  '-j LOG --log-prefix "a b "',
);
const rule = fc.tuple(head, protocol, match, end).map(([h, p, m, e]) => [h.source, h.destination, h.device, p, m, e].filter((part) => part !== '').join(' '));
/** A filter table. */
export const ruleset = fc.record({
  chains: fc.uniqueArray(fc.stringMatching(/^[A-Z]{2,8}-[A-Z0-9]{1,8}$/), { maxLength: 4 }),
  rules: fc.array(rule, { maxLength: 12 }),
  counters: fc.array(fc.tuple(fc.nat(1_000_000), fc.nat(1_000_000)), { minLength: 12, maxLength: 12 }),
});

/** As iptables-save -c prints it, without comments. */
export function textOf({
  chains,
  rules,
  counters,
}: {
  chains: readonly string[];
  rules: readonly string[];
  counters: readonly (readonly [number, number])[];
}): string {
  const own = [...chains, 'USER'].sort();
  const lines = ['*filter', ':INPUT DROP [0:0]', ':FORWARD ACCEPT [0:0]', ':OUTPUT ACCEPT [0:0]', ...own.map((name) => `:${name} - [0:0]`)];
  for (const [i, text] of rules.entries()) lines.push(`[${counters[i]?.join(':')}] -A INPUT ${text}`.trimEnd());
  return [...lines, 'COMMIT'].join('\n');
}
