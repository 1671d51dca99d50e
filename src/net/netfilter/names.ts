/** Names of protocols and ports as /etc/protocols and /etc/services of a Debian host have them. */

/** [name, number]; the first name of a number is the one that is printed. */
export const PROTOCOLS: readonly (readonly [string, number])[] = [
  ['ip', 0],
  ['icmp', 1],
  ['igmp', 2],
  ['ggp', 3],
  ['ipencap', 4],
  ['st', 5],
  ['tcp', 6],
  ['egp', 8],
  ['igp', 9],
  ['pup', 12],
  ['udp', 17],
  ['hmp', 20],
  ['xns-idp', 22],
  ['rdp', 27],
  ['iso-tp4', 29],
  ['dccp', 33],
  ['xtp', 36],
  ['ddp', 37],
  ['idpr-cmtp', 38],
  ['ipv6', 41],
  ['ipv6-route', 43],
  ['ipv6-frag', 44],
  ['idrp', 45],
  ['rsvp', 46],
  ['gre', 47],
  ['esp', 50],
  ['ah', 51],
  ['skip', 57],
  ['ipv6-icmp', 58],
  ['icmpv6', 58],
  ['icmp6', 58],
  ['ipv6-nonxt', 59],
  ['ipv6-opts', 60],
  ['rspf', 73],
  ['vmtp', 81],
  ['eigrp', 88],
  ['ospf', 89],
  ['ax.25', 93],
  ['ipip', 94],
  ['etherip', 97],
  ['encap', 98],
  ['pim', 103],
  ['ipcomp', 108],
  ['vrrp', 112],
  ['l2tp', 115],
  ['isis', 124],
  ['sctp', 132],
  ['fc', 133],
  ['mobility-header', 135],
  ['mh', 135],
  ['udplite', 136],
  ['mpls-in-ip', 137],
  ['manet', 138],
  ['hip', 139],
  ['shim6', 140],
  ['wesp', 141],
  ['rohc', 142],
  ['ethernet', 143],
];

const protocolByName = new Map(PROTOCOLS);
const nameByProtocol = new Map<number, string>();
for (const [name, number] of PROTOCOLS) if (!nameByProtocol.has(number)) nameByProtocol.set(number, name);

export const protocolOf = (name: string): number | undefined => protocolByName.get(name);

/** `tcp`, or the number where it has no name. */
export const formatProtocol = (protocol: number): string => (protocol === 0 ? 'all' : (nameByProtocol.get(protocol) ?? String(protocol)));

/** `name port`, with `/t` or `/u` where only TCP or only UDP has it. */
const SERVICES = `tcpmux 1/t,echo 7,discard 9,systat 11/t,daytime 13,netstat 15/t,qotd 17/t,chargen 19,ftp-data 20/t,ftp 21/t,fsp 21/u,ssh 22/t,telnet 23/t,smtp 25/t,time 37,
whois 43/t,tacacs 49,domain 53,bootps 67/u,bootpc 68/u,tftp 69/u,gopher 70/t,finger 79/t,http 80/t,kerberos 88,pop3 110/t,sunrpc 111,auth 113/t,nntp 119/t,ntp 123/u,epmap 135/t,
netbios-ns 137/u,netbios-dgm 138/u,netbios-ssn 139/t,imap2 143/t,snmp 161,snmp-trap 162,bgp 179/t,ldap 389,https 443,microsoft-ds 445/t,kpasswd 464,submissions 465/t,isakmp 500/u,
exec 512/t,login 513/t,shell 514/t,syslog 514/u,printer 515/t,route 520/u,rtsp 554,submission 587/t,ipp 631/t,ldaps 636,ldp 646,domain-s 853,rsync 873/t,ftps-data 989/t,ftps 990/t,
telnets 992/t,imaps 993/t,pop3s 995/t,socks 1080/t,openvpn 1194,ms-sql-s 1433/t,ms-sql-m 1434/u,l2f 1701/u,radius 1812,radius-acct 1813,nfs 2049,mysql 3306/t,ms-wbt-server 3389/t,
svn 3690/t,epmd 4369/t,ipsec-nat-t 4500/u,sip 5060,sip-tls 5061,xmpp-client 5222/t,xmpp-server 5269/t,mdns 5353/u,postgresql 5432/t,amqps 5671/t,amqp 5672,x11 6000/t,redis 6379/t,
ircd 6667/t,afs3-fileserver 7000/u,http-alt 8080/t,tproxy 8081/t,git 9418/t,webmin 10000/t,zabbix-agent 10050/t,zabbix-trapper 10051/t`;

const portByName = new Map<string, number>();
/** By protocol letter. */
const nameByPort = { t: new Map<number, string>(), u: new Map<number, string>() };
for (const entry of SERVICES.replaceAll('\n', '').split(',')) {
  const [name = '', where = ''] = entry.split(' ');
  const [portText, protocol] = where.split('/');
  const port = Number(portText);
  portByName.set(name, port);
  for (const letter of ['t', 'u'] as const) if (protocol === undefined || protocol === letter) nameByPort[letter].set(port, name);
}

export const servicePort = (name: string): number | undefined => portByName.get(name);

/** A port's name for `iptables -L` without -n; its number where it has none for that protocol. */
export function serviceName(port: number, protocol: 'tcp' | 'udp' | 'other'): string {
  return (protocol === 'tcp' ? nameByPort.t.get(port) : protocol === 'udp' ? nameByPort.u.get(port) : undefined) ?? String(port);
}
