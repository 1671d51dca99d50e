/** What kube-proxy's three modes leave on a node, as the tools print it: golden texts, and the real tools' word on them where they are installed. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ipvsDestinationWords, ipvsName, ipvsServiceWords } from '../../net/ipvs/ipvs-words.ts';
import { formatSave } from '../../net/netfilter/ipset/text.ts';
import { formatIptablesSave } from '../../net/netfilter/save.ts';
import { NftListing } from '../../net/nft/list.ts';
import { isNftRecord } from '../../net/nft/nft-records.ts';
import { BARE } from '../../net/nft/testing/nft-state.ts';
import type { Chain, NetRecord } from '../../net/records.ts';
import type { ProxyConfig } from './kube-proxy-config.ts';
import { fieldWorld, HERE, HERE_IP } from './testing/field-world.ts';
import { proxyRecords } from './testing/proxy-records.ts';

const NETNS = `${HERE}/netns/root`;
const recordsOf = (mode: ProxyConfig['mode'], config: Partial<ProxyConfig> = {}): readonly NetRecord[] =>
  proxyRecords(NETNS, HERE, HERE_IP, { mode, nodePortAddresses: mode === 'nftables' ? ['primary'] : [], ...config }, fieldWorld);

/** Settings that change rules of iptables mode. */
const VARIANTS: readonly Partial<ProxyConfig>[] = [
  { masqueradeAll: true },
  { localhostNodePorts: false },
  { conntrackTcpLiberal: true },
  { nodePortAddresses: ['192.168.0.0/24'] },
  { nodePortAddresses: ['primary'] },
  { nodePortAddresses: ['127.0.0.0/8', '192.168.0.0/24'] },
  { detectLocalMode: 'NodeCIDR' },
  { detectLocalMode: 'BridgeInterface', bridgeInterface: 'cni0' },
  { detectLocalMode: 'InterfaceNamePrefix', interfaceNamePrefix: 'veth' },
];

/** For each variant the lines that go and come; lines that are alike but for the Service stand once. */
function variantsText(): string {
  const plain = iptablesText(chainsOf(recordsOf('iptables'))).split('\n');
  const kindOf = (line: string) =>
    line.replaceAll(/[A-Z2-7]{16}/g, '…').replaceAll(/"?shop\/[a-z-]+[^"]*"?|10\.96\.\d+\.\d+|-p \w+|-m (tcp|udp|sctp)|--dport \d+/g, '…');
  const firstOfKind = (lines: readonly string[]) => lines.filter((line, i) => lines.findIndex((other) => kindOf(other) === kindOf(line)) === i);
  return VARIANTS.map((config) => {
    const lines = iptablesText(chainsOf(recordsOf('iptables', config))).split('\n');
    const gone = firstOfKind(plain.filter((line) => !lines.includes(line))).map((line) => `- ${line}`);
    const come = firstOfKind(lines.filter((line) => !plain.includes(line))).map((line) => `+ ${line}`);
    return [`# ${JSON.stringify(config)}`, ...gone, ...come, ''].join('\n');
  }).join('\n');
}

function nftText(records: readonly NetRecord[]): string {
  const listing = new NftListing(records.filter(isNftRecord), undefined, 0, BARE);
  return listing.tables.map((table) => listing.table(table)).join('');
}

const PLAIN_MEMBER = { packets: 0, bytes: 0, comment: '', nomatch: false, expiresNs: 0 };
const ipsetText = (records: readonly NetRecord[]): string =>
  records
    .flatMap((record) =>
      record.kind === 'ipset'
        ? [
            formatSave(
              record,
              record.entries.map(({ element }) => ({ ...PLAIN_MEMBER, element })),
              0,
            ),
          ]
        : [],
    )
    .join('');
const chainsOf = (records: readonly NetRecord[]): readonly Chain[] => records.filter((record) => record.kind === 'chain');
/** Without the lines that name the time. */
const iptablesText = (chains: readonly Chain[]): string => formatIptablesSave(chains, { date: 'now' }).replaceAll(/^#.*\n/gm, '');

function ipvsText(records: readonly NetRecord[]): string {
  let text = '';
  for (const record of records) {
    if (record.kind === 'device') text += record.addresses.map((address) => `${record.name} ${address.ip}/${address.prefixLength}\n`).join('');
    if (record.kind !== 'ipvs-service') continue;
    const name = ipvsName(record);
    text += `${ipvsServiceWords(record, name)}\n${record.destinations.map((server) => `${ipvsDestinationWords(server, name)}\n`).join('')}`;
  }
  return `${text}${ipsetText(records)}${iptablesText(chainsOf(records))}`;
}

/** `KUBEHOP_GOLDEN=write` writes the texts anew. */
function golden(name: string, text: string): void {
  const path = join(import.meta.dirname, 'testing', 'golden', name);
  if (process.env.KUBEHOP_GOLDEN === 'write') writeFileSync(path, text);
  expect(text).toBe(readFileSync(path, 'utf8'));
}

describe('every field of a Service', () => {
  it('in iptables mode, as iptables-save prints it', () => golden('iptables.txt', iptablesText(chainsOf(recordsOf('iptables')))));
  it('in iptables mode, what each setting changes', () => golden('iptables-variants.txt', variantsText()));
  it('in nftables mode, as nft list table prints it', () => golden('nftables.txt', nftText(recordsOf('nftables'))));
  it('in IPVS mode, as ip address, ipvsadm -Sn, ipset save and iptables-save print it', () => golden('ipvs.txt', ipvsText(recordsOf('ipvs'))));
});

const run = (script: string, input: string): string =>
  execFileSync('unshare', ['-n', 'sh', '-c', script], { input, encoding: 'utf8', timeout: 60_000, stdio: ['pipe', 'pipe', 'pipe'] });

/** Why this machine's tools cannot be asked; undefined where they can. */
function whyNot(): string | undefined {
  if (process.env.KUBEHOP_PARITY === 'off') return 'KUBEHOP_PARITY=off';
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'it needs Linux and root';
  try {
    const versions = run(
      'nft -v && iptables -V && ipset -v && nft add table ip x && iptables -A INPUT -m physdev --physdev-is-in -m addrtype --src-type LOCAL',
      '',
    );
    return /nftables v1\.0\.6/.test(versions) && /v1\.8\.9 \(nf_tables\)/.test(versions) ? undefined : 'other versions of nft or iptables are installed';
  } catch {
    return 'no nft, iptables or ipset that may be used';
  }
}
const reason = whyNot();
if (reason !== undefined) process.stderr.write(`kubehop: kube-proxy's texts are not shown to this machine's nft, ipset and iptables: ${reason}.\n`);

describe.skipIf(reason !== undefined)("this machine's tools", () => {
  it('load the nftables table and list it as we do', () => {
    const text = nftText(recordsOf('nftables'));
    expect(run('nft -f - && nft list table ip kube-proxy', text)).toBe(text);
  });

  it('load the rules of iptables mode and save them as we do', () => {
    const rules = iptablesText(chainsOf(recordsOf('iptables')));
    const bare = (text: string) =>
      text
        .replaceAll(/\[\d+:\d+\]/g, '[0:0]')
        .split('\n')
        .filter((line) => !line.startsWith('#'))
        .join('\n');
    const saved = bare(run('iptables-restore && iptables-save', rules));
    for (const table of ['nat', 'filter']) expect(saved.split(`*${table}`)[1]?.split('COMMIT')[0]).toBe(bare(rules).split(`*${table}`)[1]?.split('COMMIT')[0]);
  });

  it('load the ipsets and rules of IPVS mode and save them as we do', () => {
    const records = recordsOf('ipvs');
    // The kernel may lack xt_ipvs, and prints the members of a set in its own order.
    const chains = chainsOf(records).map((chain) => ({ ...chain, rules: chain.rules.filter((rule) => !rule.text.includes('-m ipvs ')) }));
    const sets = ipsetText(records);
    const bare = (text: string) =>
      text
        .replaceAll(/ (?:bucketsize|initval) \S+/g, '')
        .split('\n')
        .sort();
    expect(bare(run('ipset restore && ipset save', sets.replaceAll(/ initval \S+/g, '')))).toEqual(bare(sets));
    const rules = iptablesText(chains);
    const saved = run(`ipset restore <<'E'\n${sets.replaceAll(/ initval \S+/g, '')}E\niptables-restore && iptables-save`, rules);
    const ofTable = (text: string, table: string) =>
      text
        .slice(text.indexOf(`*${table}`))
        .split('COMMIT')[0]
        ?.split('\n')
        .filter((line) => !line.startsWith('#'));
    for (const table of ['nat', 'filter']) expect(ofTable(saved.replaceAll(/\[\d+:\d+\]/g, '[0:0]'), table)).toEqual(ofTable(rules, table));
  });
});
