/** Finds words of a terminal line that name a box on the canvas: addresses, pods, hosts, Services, chains. */
import type { LinkTarget, Topology } from '../../world/views.ts';

export type LinkIndex = ReadonlyMap<string, LinkTarget>;

/** Word → box. Where several share a word the first in the order pods, Services, devices' addresses, hosts wins. */
export function buildLinkIndex(topology: Topology): LinkIndex {
  const index = new Map<string, LinkTarget>();
  const add = (word: string, target: LinkTarget) => {
    if (word.length > 2 && !index.has(word)) index.set(word, target);
  };
  for (const netns of topology.netnses) {
    if (netns.type !== 'pod') continue;
    add(netns.title, { kind: 'netns', id: netns.id });
    if (netns.ip !== '') add(netns.ip, { kind: 'netns', id: netns.id });
  }
  for (const service of topology.services) {
    add(service.name, { kind: 'object', key: service.objectKey });
    if (service.clusterIp !== 'None') add(service.clusterIp, { kind: 'object', key: service.objectKey });
  }
  for (const device of topology.devices) {
    if (device.type === 'loopback') continue;
    for (const address of device.addresses) add(address.split('/')[0] ?? '', { kind: 'device', id: device.id });
    if (device.type === 'veth' && device.name !== 'eth0') add(device.name, { kind: 'device', id: device.id });
  }
  for (const host of topology.hosts) add(host.name, { kind: 'netns', id: `${host.id}/netns/root` });
  return index;
}

export interface Segment {
  readonly text: string;
  readonly link?: LinkTarget;
}

const wordPattern = /[A-Za-z0-9][A-Za-z0-9.-]*/g;
const MAX_SCANNED = 2_000;

/** tcpdump glues a port to an address (`10.244.1.4.80`), others glue a dot or a colon; the longest known beginning counts. */
function findLink(word: string, index: LinkIndex): { readonly length: number; readonly link: LinkTarget } | undefined {
  for (let end = word.length; end > 2; end = word.lastIndexOf('.', end - 1)) {
    const link = index.get(word.slice(0, end));
    if (link !== undefined) return { length: end, link };
  }
  return undefined;
}

/** The line cut into plain and linked parts; together they are the line. */
export function linkLine(text: string, index: LinkIndex): readonly Segment[] {
  if (text.length > MAX_SCANNED || index.size === 0) return [{ text }];
  const segments: Segment[] = [];
  let at = 0;
  for (const match of text.matchAll(wordPattern)) {
    const found = findLink(match[0], index);
    if (found === undefined) continue;
    if (match.index > at) segments.push({ text: text.slice(at, match.index) });
    segments.push({ text: text.slice(match.index, match.index + found.length), link: found.link });
    at = match.index + found.length;
  }
  if (at < text.length) segments.push({ text: text.slice(at) });
  return segments;
}
