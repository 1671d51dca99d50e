/** Names of addresses for PTR questions. RFC 1035 section 3.5, RFC 3596 section 2.5. */

/** The 32 hexadecimal digits of an IPv6 address. */
function expandIp6(ip: string): string {
  const [head = '', tail] = ip.toLowerCase().split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  return [...left, ...Array.from({ length: zeros }, () => '0'), ...right].map((group) => group.padStart(4, '0')).join('');
}

/** `10.96.0.10` → `10.0.96.10.in-addr.arpa.` */
export function reverseName(ip: string): string {
  if (!ip.includes(':')) return `${ip.split('.').reverse().join('.')}.in-addr.arpa.`;
  return `${[...expandIp6(ip)].reverse().join('.')}.ip6.arpa.`;
}
