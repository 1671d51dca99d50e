/** The kinds of ipset there are: of what parts an element consists. Linux: net/netfilter/ipset/ip_set_*.c */

export type Dimension = 'ip' | 'net' | 'port' | 'iface' | 'mac' | 'mark' | 'set';
export type IpSetTypeName =
  | 'bitmap:ip'
  | 'bitmap:port'
  | 'hash:ip'
  | 'hash:mac'
  | 'hash:ip,mac'
  | 'hash:ip,mark'
  | 'hash:ip,port'
  | 'hash:ip,port,ip'
  | 'hash:ip,port,net'
  | 'hash:net'
  | 'hash:net,net'
  | 'hash:net,port'
  | 'hash:net,port,net'
  | 'hash:net,iface'
  | 'list:set';

export interface IpSetType {
  readonly name: IpSetTypeName;
  readonly dimensions: readonly Dimension[];
  /** As `ipset list` of version 7.17 prints it. */
  readonly revision: number;
  /** Bytes of an empty one, and of each element (of IPv4, without extensions), as a 64-bit kernel says them. */
  readonly emptyBytes: number;
  readonly elementBytes: number;
}

const define = (name: IpSetTypeName, revision: number, emptyBytes: number, elementBytes: number): IpSetType => ({
  name,
  dimensions: name === 'list:set' ? ['set'] : (name.slice(name.indexOf(':') + 1).split(',') as Dimension[]),
  revision,
  emptyBytes,
  elementBytes,
});

export const IP_SET_TYPES: readonly IpSetType[] = [
  define('bitmap:ip', 3, 88, 0),
  define('bitmap:port', 3, 72, 0),
  define('hash:ip', 6, 216, 40),
  define('hash:mac', 1, 216, 48),
  define('hash:ip,mac', 1, 216, 56),
  define('hash:ip,mark', 3, 216, 48),
  define('hash:ip,port', 7, 216, 48),
  define('hash:ip,port,ip', 6, 216, 48),
  define('hash:ip,port,net', 8, 456, 64),
  define('hash:net', 7, 456, 48),
  define('hash:net,net', 4, 456, 56),
  define('hash:net,port', 8, 456, 48),
  define('hash:net,port,net', 3, 456, 64),
  define('hash:net,iface', 8, 456, 104),
  define('list:set', 3, 80, 48),
];

const byName = new Map<string, IpSetType>(IP_SET_TYPES.map((t) => [t.name, t]));
const ALIASES: Readonly<Record<string, string>> = {
  iphash: 'hash:ip',
  nethash: 'hash:net',
  ipporthash: 'hash:ip,port',
  portmap: 'bitmap:port',
  ipmap: 'bitmap:ip',
  setlist: 'list:set',
};

export const findIpSetType = (name: string): IpSetType | undefined => byName.get(ALIASES[name] ?? name);

/** @throws {Error} when there is none of that name: our own mistake, a record is checked before it is put. */
export function ipSetTypeOf(name: IpSetTypeName): IpSetType {
  const type = byName.get(name);
  if (type === undefined) throw new Error(`no ipset type ${name}`);
  return type;
}
