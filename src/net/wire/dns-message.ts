/** A DNS message as data (RFC 1035 section 4): what resolvers and servers exchange. */

export interface DnsMessage {
  readonly id: number;
  readonly response: boolean;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly recursionDesired: boolean;
  readonly recursionAvailable: boolean;
  /** AD and CD (RFC 4035 section 3.2); absent: not set. */
  readonly authenticData?: boolean;
  readonly checkingDisabled?: boolean;
  /** The OPT record (RFC 6891), which is none of `additionals`. */
  readonly edns?: DnsEdns;
  readonly rcode: DnsRcode;
  readonly question: DnsQuestion;
  readonly answers: readonly DnsResourceRecord[];
  readonly authorities: readonly DnsResourceRecord[];
  readonly additionals: readonly DnsResourceRecord[];
}

export interface DnsEdns {
  /** Largest datagram the sender takes. */
  readonly udpBytes: number;
  /** Absent: 0. */
  readonly version?: number;
  /** The DO bit. */
  readonly dnssecOk?: boolean;
  /** The COOKIE option's bytes in hexadecimal (RFC 7873): 16 digits of a client, 32 to 80 with a server's. */
  readonly cookie?: string;
}

export type DnsRcode = 'NOERROR' | 'FORMERR' | 'SERVFAIL' | 'NXDOMAIN' | 'NOTIMP' | 'REFUSED';
export type DnsType = 'A' | 'AAAA' | 'CNAME' | 'MX' | 'NS' | 'PTR' | 'SOA' | 'SRV' | 'TXT' | 'HINFO' | DnsQuestionType;
/** Types that are asked for, of which no record is ever sent here. */
export type DnsQuestionType = 'ANY' | 'AXFR' | 'CAA' | 'DNSKEY' | 'DS' | 'HTTPS' | 'NAPTR' | 'SVCB';

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
