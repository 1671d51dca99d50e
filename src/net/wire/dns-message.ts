/** A DNS message as data (RFC 1035 section 4): what resolvers and servers exchange. */

export interface DnsMessage {
  readonly id: number;
  readonly response: boolean;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly recursionDesired: boolean;
  readonly recursionAvailable: boolean;
  readonly rcode: DnsRcode;
  readonly question: DnsQuestion;
  readonly answers: readonly DnsResourceRecord[];
  readonly authorities: readonly DnsResourceRecord[];
  readonly additionals: readonly DnsResourceRecord[];
}

export type DnsRcode = 'NOERROR' | 'FORMERR' | 'SERVFAIL' | 'NXDOMAIN' | 'NOTIMP' | 'REFUSED';
export type DnsType = 'A' | 'AAAA' | 'CNAME' | 'MX' | 'NS' | 'PTR' | 'SOA' | 'SRV' | 'TXT' | 'ANY';

/** `name` is absolute, with its final dot, in the case it was asked. */
export interface DnsQuestion {
  readonly name: string;
  readonly type: DnsType;
}

/** `data` in presentation form as dig prints it: `10.96.0.10`, `0 100 80 web.default.svc.cluster.local.` */
export interface DnsResourceRecord {
  readonly name: string;
  readonly type: DnsType;
  readonly ttlSeconds: number;
  readonly data: string;
}
