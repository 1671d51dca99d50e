/** IPVS' records in ipvsadm's words, as `ipvsadm -Sn` saves them. */
import type { IpvsDestination, IpvsForwarding, IpvsService } from './ipvs-records.ts';

export const ipvsEndpoint = (address: string, port: number): string => (address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`);

/** `-t 10.96.0.1:443`, `-f 5`. */
export function ipvsName(service: Pick<IpvsService, 'protocol' | 'address' | 'port'>): string {
  switch (service.protocol) {
    case 'tcp':
      return `-t ${ipvsEndpoint(service.address, service.port)}`;
    case 'udp':
      return `-u ${ipvsEndpoint(service.address, service.port)}`;
    case 'sctp':
      return `--sctp-service ${ipvsEndpoint(service.address, service.port)}`;
    case 'fwmark':
      return `-f ${service.address}`;
  }
}

const FORWARDING: Readonly<Record<IpvsForwarding, string>> = { masq: '-m', route: '-g', tunnel: '-i' };

/** A netmask as dotted text of a prefix length. */
export function netmaskText(length: number): string {
  return [0, 8, 16, 24].map((shift) => (256 - 2 ** (8 - Math.min(8, Math.max(0, length - shift)))) & 255).join('.');
}

export function ipvsServiceWords(service: IpvsService, name: string): string {
  let text = `-A ${name} -s ${service.scheduler}`;
  if (service.persistentSeconds !== undefined) text += ` -p ${service.persistentSeconds}`;
  if (service.persistentPrefix !== undefined) text += ` -M ${service.address.includes(':') ? service.persistentPrefix : netmaskText(service.persistentPrefix)}`;
  if (service.onePacket === true) text += ' -o';
  if (service.schedulerFlags !== undefined && service.schedulerFlags.length > 0) text += ` -b ${service.schedulerFlags.join(',')}`;
  return text;
}

export function ipvsDestinationWords(d: IpvsDestination, name: string): string {
  let text = `-a ${name} -r ${ipvsEndpoint(d.address, d.port)} ${FORWARDING[d.forwarding]} -w ${d.weight}`;
  if (d.upperThreshold > 0) text += ` -x ${d.upperThreshold}`;
  if (d.lowerThreshold > 0) text += ` -y ${d.lowerThreshold}`;
  return text;
}
