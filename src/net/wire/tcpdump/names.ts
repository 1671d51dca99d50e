/** Names for numbers: ports from /etc/services, IP protocols from tcpdump's own table, EtherTypes. */

export interface PortNames {
  tcp(port: number): string;
  udp(port: number): string;
}

/** The names of /etc/services that a cluster's packets meet. */
const SERVICES: Readonly<Record<number, string>> = {
  21: 'ftp',
  22: 'ssh',
  23: 'telnet',
  25: 'smtp',
  53: 'domain',
  67: 'bootps',
  68: 'bootpc',
  69: 'tftp',
  80: 'http',
  110: 'pop3',
  123: 'ntp',
  143: 'imap2',
  161: 'snmp',
  179: 'bgp',
  389: 'ldap',
  443: 'https',
  514: 'syslog',
  636: 'ldaps',
  873: 'rsync',
  993: 'imaps',
  995: 'pop3s',
  1433: 'ms-sql-s',
  2049: 'nfs',
  2379: 'etcd-client',
  2380: 'etcd-server',
  3128: '',
  3306: 'mysql',
  5353: 'mdns',
  5432: 'postgresql',
  5672: 'amqp',
  6379: 'redis',
  6443: '',
  8080: 'http-alt',
};

const ONLY_TCP: ReadonlySet<number> = new Set([21, 22, 23, 25, 80, 110, 143, 179, 873, 993, 995, 1433, 2379, 2380, 3306, 5432, 6379]);
const ONLY_UDP: ReadonlySet<number> = new Set([67, 68, 69, 123, 514, 5353]);

/** `http` for 80; undefined where /etc/services has no name for this protocol. */
export function serviceName(port: number, protocol: 'tcp' | 'udp'): string | undefined {
  if ((protocol === 'udp' ? ONLY_TCP : ONLY_UDP).has(port)) return undefined;
  return SERVICES[port] || undefined;
}

/** The port of a service's name, or undefined. */
export function servicePort(name: string): number | undefined {
  if (name === '') return undefined;
  for (const [port, service] of Object.entries(SERVICES)) if (service === name) return Number(port);
  return undefined;
}

export const NUMERIC_PORTS: PortNames = { tcp: String, udp: String };
export const NAMED_PORTS: PortNames = {
  tcp: (port) => serviceName(port, 'tcp') ?? String(port),
  udp: (port) => serviceName(port, 'udp') ?? String(port),
};

const IP_PROTOCOLS: Readonly<Record<number, string>> = {
  0: 'Options',
  1: 'ICMP',
  2: 'IGMP',
  4: 'IPIP',
  6: 'TCP',
  17: 'UDP',
  33: 'DCCP',
  41: 'IPv6',
  43: 'Routing',
  44: 'Fragment',
  46: 'RSVP',
  47: 'GRE',
  50: 'ESP',
  51: 'AH',
  58: 'ICMPv6',
  59: 'no next header',
  60: 'Options',
  89: 'OSPF',
  103: 'PIM',
  108: 'Compressed IP',
  112: 'VRRP',
  132: 'SCTP',
};

/** tcpdump: ipproto.c */
export const protocolTitle = (protocol: number): string => IP_PROTOCOLS[protocol] ?? 'unknown';

const PROTOCOL_NAMES: Readonly<Record<number, string>> = {
  0: 'ip',
  1: 'icmp',
  2: 'igmp',
  4: 'ipencap',
  6: 'tcp',
  17: 'udp',
  33: 'dccp',
  41: 'ipv6',
  47: 'gre',
  50: 'esp',
  51: 'ah',
  58: 'ipv6-icmp',
  89: 'ospf',
  132: 'sctp',
};

/** As /etc/protocols says, where names are wanted. */
export const protocolWord = (protocol: number, numeric: boolean): string => (numeric ? undefined : PROTOCOL_NAMES[protocol]) ?? `ip-proto-${protocol}`;

const ETHERTYPES: Readonly<Record<number, string>> = {
  2048: 'IPv4',
  2054: 'ARP',
  25944: 'TEB',
  33024: '802.1Q',
  34525: 'IPv6',
  34887: 'MPLS unicast',
  34916: 'PPPoE S',
  34984: '802.1Q-QinQ',
  35020: 'LLDP',
};

export const etherTypeName = (etherType: number): string | undefined => ETHERTYPES[etherType];
