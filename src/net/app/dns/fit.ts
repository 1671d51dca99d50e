/** The answer as it fits its client: plain, with compressed names, or cut with the TC flag. CoreDNS: request/request.go, Scrub; core/dnsserver. */
import { compressedDnsMessageBytes, dnsMessageBytes } from '../../wire/dns-codec.ts';
import type { DnsMessage } from '../../wire/dns-message.ts';
import type { Payload } from '../../wire/packet.ts';

/** RFC 1035 section 2.3.4: without EDNS a datagram's answer may have so many bytes. */
export const PLAIN_UDP_BYTES = 512;
export const MAX_TCP_BYTES = 65_535;
/** Above it CoreDNS compresses what it sends by UDP, in the hope that nothing is fragmented. */
const FRAGMENT_BYTES = 1480;

export function fitMessage(message: DnsMessage, maxBytes: number): Payload {
  const plain = dnsMessageBytes(message);
  if (plain <= maxBytes && (plain <= FRAGMENT_BYTES || maxBytes === MAX_TCP_BYTES)) return { bytes: plain, dns: message };
  const compressed = compressedDnsMessageBytes(message);
  if (compressed <= maxBytes) return { bytes: compressed, dns: message };
  return cut(message, maxBytes);
}

/** As many records as fit, section by section; only a cut answer section sets TC. */
function cut(message: DnsMessage, maxBytes: number): Payload {
  const { answers, authorities, additionals } = message;
  const kept = (answer: number, authority: number, additional: number): DnsMessage => ({
    ...message,
    truncated: message.truncated || answer < answers.length,
    answers: answers.slice(0, answer),
    authorities: authorities.slice(0, authority),
    additionals: additionals.slice(0, additional),
  });
  const most = (limit: number, made: (count: number) => DnsMessage): number => {
    let low = 0;
    let high = limit;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (compressedDnsMessageBytes(made(middle)) <= maxBytes) low = middle;
      else high = middle - 1;
    }
    return low;
  };
  const answer = most(answers.length, (count) => kept(count, 0, 0));
  const authority = answer < answers.length ? 0 : most(authorities.length, (count) => kept(answer, count, 0));
  const additional = answer < answers.length || authority < authorities.length ? 0 : most(additionals.length, (count) => kept(answer, authority, count));
  const fitted = kept(answer, authority, additional);
  return { bytes: compressedDnsMessageBytes(fitted), dns: fitted };
}
