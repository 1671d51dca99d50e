/** `kubehop export netns`: the cluster of a world, from its records, as one bash script that builds it from network namespaces of a real Linux kernel. */

import { formatIptablesSave } from '../net/netfilter/save.ts';
import type { Chain, Device, EthernetDevice, FdbEntry, IpSet, Neighbor, Netns, NetRecord, Process, Route, VethDevice } from '../net/records.ts';
import { sysctl } from '../net/stack/sysctl.ts';
import { addDevice, qdiscLine } from './export-netns-devices.ts';
import { exportedServers, PROBE_PROGRAM, SERVER_PROGRAM } from './export-netns-servers.ts';
import { exportedNetnsName, hereDocument, sysctlPath, word } from './export-netns-text.ts';

/** A question to ask in the built cluster, with the answer that the simulation gave. */
export interface ExportProbe {
  /** Netns id. */
  readonly from: string;
  readonly kind: 'tcp' | 'ping' | 'name';
  readonly target: string;
  readonly port?: number;
  /** What a reader calls it: `Service web-service`. */
  readonly about: string;
  readonly expected: 'yes' | 'no';
}

interface Parts {
  readonly netnses: Netns[];
  readonly devices: Device[];
  readonly routes: Route[];
  readonly neighbors: Neighbor[];
  readonly fdb: FdbEntry[];
  readonly chains: Chain[];
  readonly sets: IpSet[];
  readonly processes: Process[];
}

function sort(records: Iterable<NetRecord>): Parts {
  const parts: Parts = { netnses: [], devices: [], routes: [], neighbors: [], fdb: [], chains: [], sets: [], processes: [] };
  for (const record of records) {
    if (record.kind === 'netns') parts.netnses.push(record);
    else if (record.kind === 'device') parts.devices.push(record);
    else if (record.kind === 'route') parts.routes.push(record);
    else if (record.kind === 'neighbor') parts.neighbors.push(record);
    else if (record.kind === 'fdb') parts.fdb.push(record);
    else if (record.kind === 'chain' && record.backend === undefined) parts.chains.push(record);
    else if (record.kind === 'ipset') parts.sets.push(record);
    else if (record.kind === 'process') parts.processes.push(record);
    else if (record.kind === 'bpf-program')
      throw new Error(
        `${record.name} is a BPF program of ${record.origin.component}: here it is a behaviour, not code that a kernel could load, so it cannot be exported.`,
      );
  }
  return parts;
}

/** The script's text, ending with a newline. @throws {Error} with a sentence for people when a record cannot be said to a real machine. */
export function exportNetns(records: Iterable<NetRecord>, probes: readonly ExportProbe[]): string {
  const parts = sort(records);
  const names = parts.netnses.map((netns) => exportedNetnsName(netns.id));
  return [
    header(names),
    section('Namespaces: one for each host, one for each pod'),
    ...parts.netnses.map(createNetns),
    section('Wires: veth pairs stand for the cables between hosts, too'),
    ...wires(parts.devices),
    ...parts.netnses.map((netns) => configureNetns(netns, parts)),
    section('What listens'),
    hereDocument('cat > "$DIR/server.py"', SERVER_PROGRAM),
    hereDocument('cat > "$DIR/probe.py"', PROBE_PROGRAM),
    ...parts.netnses.map((netns) => startServers(netns, parts.processes)),
    `for server in "\${SERVERS[@]}"; do wait "$server" || { cat "$DIR"/*.log >&2; false; }; done\n`,
    footer(probes),
  ].join('');
}

const section = (title: string): string => `\n# ---- ${title}\n`;

function header(names: readonly string[]): string {
  return `#!/usr/bin/env bash
# This cluster as network namespaces of a real Linux kernel, built from the records of a Kubehop world.
#
#   sudo bash cluster.sh           build it (what an earlier run left is removed first)
#   sudo bash cluster.sh --check   ask questions in it and compare with what the simulation answered
#   sudo bash cluster.sh --down    remove it
#
# Look around:   sudo ip netns exec kubehop-node01 iptables-save
#                sudo ip netns exec kubehop-client.default@controlplane bash
#                sudo ip netns exec kubehop-node01 tcpdump -ni any
# Needs root, Linux with br_netfilter and vxlan, and: ip, bridge (iproute2), iptables, python3; ethtool and ipset if they are needed.
# Real: devices, addresses, routes, tunnels, bridges, iptables, conntrack, sockets. Stand-ins: the servers, small Python programs.
# Not rebuilt: what the kernels of the simulation had learnt by themselves (ARP, connections) and counters; IPv6 is switched off.
set -euo pipefail

PREFIX=\${KUBEHOP_PREFIX:-kubehop-}
DIR=/run/\${PREFIX}files
NAMES=(
${names.map((name) => `  ${name}\n`).join('')})

note() { printf '%s\\n' "$*" >&2; }

# Runs a command in a namespace.
in_netns() { local name=$1; shift; ip netns exec "$PREFIX$name" "$@"; }

down() {
  local name pids
  for name in "\${NAMES[@]}"; do
    [ -e "/run/netns/$PREFIX$name" ] || continue
    pids=$(ip netns pids "$PREFIX$name")
    # Only what runs inside the namespaces made here.
    [ -z "$pids" ] || kill $pids 2>/dev/null || true
    ip netns delete "$PREFIX$name"
    rm -rf "/etc/netns/$PREFIX$name"
  done
  rm -rf "$DIR"
}

add_netns() {
  ip netns add "$PREFIX$1"
  ip -n "$PREFIX$1" link set lo up
}

# wire NETNS DEVICE MAC MTU  NETNS DEVICE MAC MTU
# Without gso_max_segs a veth passes 64 kB packets on, which no MTU check stops.
wire() {
  ip -n "$PREFIX$1" link add "$2" address "$3" mtu "$4" gso_max_segs 1 type veth \\
    peer name "$6" netns "$PREFIX$5" address "$7" mtu "$8" gso_max_segs 1
}

if [ "$(id -u)" != 0 ]; then note "This must run as root: network namespaces are the kernel's."; exit 1; fi
if [ "\${1:-}" = --down ]; then down; exit 0; fi
if [ "\${1:-}" != --check ]; then

for tool in ip bridge iptables-restore python3; do
  command -v "$tool" >/dev/null || { note "$tool is missing (Debian: apt-get install iproute2 iptables python3)."; exit 1; }
done
RESTORE=iptables-restore
! command -v iptables-nft-restore >/dev/null || RESTORE=iptables-nft-restore
modprobe -qa br_netfilter vxlan veth nf_conntrack 2>/dev/null || true
down
trap 'note "Building failed; removing what was made."; down' ERR
mkdir -p "$DIR"
SERVERS=()
`;
}

/** Settings that a new netns may inherit from the machine it is made on, so that the simulation's defaults must be said. */
const SAID_ALWAYS = ['rp_filter', 'route_localnet', 'accept_local', 'arp_ignore', 'arp_announce'];

function createNetns(netns: Netns): string {
  const name = exportedNetnsName(netns.id);
  const values = new Map<string, number>();
  for (const leaf of SAID_ALWAYS) {
    values.set(`net.ipv4.conf.all.${leaf}`, sysctl(netns.sysctls, `net.ipv4.conf.all.${leaf}`));
    values.set(`net.ipv4.conf.default.${leaf}`, sysctl(netns.sysctls, `net.ipv4.conf.default.${leaf}`));
  }
  for (const always of ['net.ipv4.ip_forward', 'net.bridge.bridge-nf-call-iptables']) values.set(always, sysctl(netns.sysctls, always));
  for (const [key, value] of Object.entries(netns.sysctls)) if (!isDeviceSetting(key)) values.set(key, value);
  const lines = [...values].map(([key, value]) => `echo ${Math.trunc(value)} > /proc/sys/${sysctlPath(key)}\n`);
  const quiet = 'for f in /proc/sys/net/ipv6/conf/{all,default}/disable_ipv6; do [ ! -e "$f" ] || echo 1 > "$f"; done\n';
  let text = `add_netns ${name}\n${hereDocument(`in_netns ${name} bash -e`, lines.join('') + quiet)}`;
  for (const [path, content] of Object.entries(netns.files)) {
    // `ip netns exec` puts what is in /etc/netns/NAME over /etc.
    if (!/^\/etc\/[\w.-]+$/.test(path)) continue;
    text += `mkdir -p "/etc/netns/\${PREFIX}${name}"\n`;
    text += hereDocument(`cat > "/etc/netns/\${PREFIX}${name}/${word(path.slice('/etc/'.length))}"`, content);
  }
  return text;
}

function isDeviceSetting(name: string): boolean {
  const device = /^net\.ipv[46]\.(?:conf|neigh)\.(.+)\.[\w-]+$/.exec(name)?.[1];
  return device !== undefined && device !== 'all' && device !== 'default';
}

type WireEnd = VethDevice | EthernetDevice;
const isWireEnd = (device: Device): device is WireEnd => device.type === 'veth' || device.type === 'ethernet';

function wires(devices: readonly Device[]): string[] {
  const byId = new Map(devices.map((device) => [device.id, device]));
  const done = new Set<string>();
  const lines: string[] = [];
  const end = (device: Device): string => `${exportedNetnsName(device.netns)} ${word(device.name)} ${word(device.mac)} ${Math.trunc(device.mtuBytes)}`;
  for (const device of devices) {
    if (!isWireEnd(device) || done.has(device.id)) continue;
    done.add(device.id);
    const peer = device.peer === undefined ? undefined : byId.get(device.peer);
    if (peer === undefined) {
      lines.push(
        `ip -n "\${PREFIX}${exportedNetnsName(device.netns)}" link add ${word(device.name)} address ${word(device.mac)} mtu ${device.mtuBytes} type dummy\n`,
      );
      continue;
    }
    done.add(peer.id);
    lines.push(`wire ${end(device)}  ${end(peer)}\n`);
  }
  return lines;
}

/** Lists come behind the sets that they name. */
function ipsetLines(sets: readonly IpSet[]): string[] {
  const ordered = [...sets].sort((a, b) => Number(a.type === 'list:set') - Number(b.type === 'list:set'));
  const option = (name: string, value: number | string | undefined): string => (value === undefined ? '' : ` ${name} ${value}`);
  return [
    ...ordered.map((set) => {
      const own = set.type.startsWith('hash:')
        ? ` family ${set.family}${option('hashsize', set.hashsize)}${option('maxelem', set.maxelem)}${option('netmask', set.netmask)}`
        : `${option('range', set.range)}${option('size', set.size)}`;
      return `create ${word(set.name)} ${set.type}${own}${option('timeout', set.timeoutSeconds)}${set.counters === true ? ' counters' : ''}`;
    }),
    ...ordered.flatMap((set) => set.entries.map((entry) => `add ${word(set.name)} ${word(entry.element)}${entry.nomatch === true ? ' nomatch' : ''}`)),
  ];
}

function configureNetns(netns: Netns, parts: Parts): string {
  const name = exportedNetnsName(netns.id);
  const inside = <R extends { readonly netns: string }>(records: readonly R[]): R[] => records.filter((record) => record.netns === netns.id);
  const devices = inside(parts.devices);
  const lines = [
    ...devices.flatMap((device) => addDevice(device)),
    ...devices.flatMap((device) => enslave(device, parts.devices)),
    ...devices.flatMap((device) => addresses(device)),
    ...devices.filter((device) => device.type !== 'loopback').map((device) => `link set dev ${word(device.name)} ${device.up ? 'up' : 'down'}`),
    ...unwantedRoutes(devices, inside(parts.routes)),
    ...inside(parts.routes).map(routeLine),
    ...inside(parts.neighbors).map((one) => `neigh replace ${word(one.ip)} lladdr ${word(one.mac)} dev ${word(one.device)} nud ${one.state.toLowerCase()}`),
  ];
  let text = section(`${name}: devices, addresses, routes`);
  if (lines.length > 0) text += hereDocument(`ip -n "\${PREFIX}${name}" -batch -`, lines.join('\n'));
  const fdb = inside(parts.fdb).map((one) => fdbLine(one));
  if (fdb.length > 0) text += hereDocument(`bridge -n "\${PREFIX}${name}" -batch -`, fdb.join('\n'));
  const settings = deviceSettings(netns, devices);
  if (settings !== '') text += hereDocument(`in_netns ${name} bash -e`, settings);
  for (const device of devices) {
    if (device.type === 'vxlan') text += `! command -v ethtool >/dev/null || in_netns ${name} ethtool -K ${word(device.name)} gro off\n`;
    if (device.type === 'ethernet' && device.link !== undefined) text += shape(name, device.name, device.link);
    if (device.qdisc !== undefined) text += `in_netns ${name} ${qdiscLine(device.name, device.qdisc)}\n`;
  }
  const sets = inside(parts.sets);
  if (sets.length > 0) text += hereDocument(`in_netns ${name} ipset restore`, ipsetLines(sets).join('\n'));
  const rules = formatIptablesSave(inside(parts.chains), { date: '' });
  if (rules !== '') text += hereDocument(`in_netns ${name} "$RESTORE"`, rules.replace(/^#.*\n/gm, ''));
  return text;
}

const onOff = (flag: boolean): string => (flag ? 'on' : 'off');

function enslave(device: Device, all: readonly Device[]): string[] {
  const bridge = device.master === undefined ? undefined : all.find((one) => one.id === device.master);
  if (bridge === undefined) return [];
  const port = device.bridgePort ?? { hairpin: false, isolated: false, learning: true };
  return [
    `link set dev ${word(device.name)} master ${word(bridge.name)}`,
    `link set dev ${word(device.name)} type bridge_slave hairpin ${onOff(port.hairpin)} isolated ${onOff(port.isolated)} learning ${onOff(port.learning)} flood ${onOff(port.flood !== false)} mcast_flood ${onOff(port.multicastFlood !== false)} bcast_flood ${onOff(port.broadcastFlood !== false)} neigh_suppress ${onOff(port.neighborSuppress === true)}`,
  ];
}

function addresses(device: Device): string[] {
  // The kernel gives lo its own.
  const own = device.type === 'loopback' ? device.addresses.filter((one) => !one.ip.startsWith('127.')) : device.addresses;
  return own.map((one) => {
    const broadcast = one.broadcast === undefined ? '' : ` broadcast ${word(one.broadcast)}`;
    return `addr add ${word(one.ip)}/${Math.trunc(one.prefixLength)}${broadcast} dev ${word(device.name)} scope ${one.scope}`;
  });
}

const networkOf = (ip: string, prefixLength: number): string => {
  const value = ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - prefixLength);
  const base = Math.floor(value / size) * size;
  return `${[24, 16, 8, 0].map((shift) => Math.floor(base / 2 ** shift) % 256).join('.')}/${prefixLength}`;
};

/** Connected routes that the kernel makes by itself and that somebody has deleted in the simulation. */
function unwantedRoutes(devices: readonly Device[], routes: readonly Route[]): string[] {
  const wanted = new Set(routes.filter((one) => one.table === 254).map((one) => one.destination));
  return devices.flatMap((device) =>
    device.type === 'loopback' || !device.up
      ? []
      : device.addresses
          .filter((one) => one.prefixLength < 32 && !wanted.has(networkOf(one.ip, one.prefixLength)))
          .map((one) => `route del ${networkOf(one.ip, one.prefixLength)} dev ${word(device.name)}`),
  );
}

function routeLine(route: Route): string {
  const parts = [`route replace ${route.type} ${word(route.destination)}`];
  if (route.gateway !== undefined) parts.push(`via ${word(route.gateway)}`);
  if (route.device !== undefined) parts.push(`dev ${word(route.device)}`);
  parts.push(`table ${Math.trunc(route.table)} proto ${route.protocol} scope ${route.scope}`);
  if (route.source !== undefined) parts.push(`src ${word(route.source)}`);
  if (route.metric > 0) parts.push(`metric ${Math.trunc(route.metric)}`);
  if (route.onlink) parts.push('onlink');
  return parts.join(' ');
}

const fdbLine = (entry: FdbEntry): string =>
  entry.dst === undefined
    ? `fdb replace ${word(entry.mac)} dev ${word(entry.device)} master ${entry.state}`
    : `fdb append ${word(entry.mac)} dev ${word(entry.device)} dst ${word(entry.dst)} self ${entry.state}`;

/** Per-device sysctls whose records differ from what `default` gave the device when it was made. */
function deviceSettings(netns: Netns, devices: readonly Device[]): string {
  return Object.entries(netns.sysctls)
    .filter(([key]) => isDeviceSetting(key) && devices.some((device) => key.includes(`.${device.name}.`)))
    .map(([key, value]) => `echo ${Math.trunc(value)} > /proc/sys/${sysctlPath(key)}\n`)
    .join('');
}

function shape(netns: string, device: string, link: NonNullable<EthernetDevice['link']>): string {
  const words = [`delay ${Math.round(link.latencyNs / 1000)}us ${Math.round(link.jitterNs / 1000)}us`, `loss ${(link.lossRatio * 100).toFixed(4)}%`];
  if (link.bandwidthBitsPerSecond !== undefined) words.push(`rate ${Math.round(link.bandwidthBitsPerSecond)}bit`);
  const command = `tc -n "\${PREFIX}${netns}" qdisc replace dev ${word(device)} root netem ${words.join(' ')}`;
  return `${command} || note "${netns} ${word(device)}: this kernel has no netem; the cable is a perfect one."\n`;
}

function startServers(netns: Netns, processes: readonly Process[]): string {
  const servers = processes.filter((one) => one.netns === netns.id).flatMap((one) => exportedServers(one, netns.hostname));
  if (servers.length === 0) return '';
  const name = exportedNetnsName(netns.id);
  return (
    hereDocument(`cat > "$DIR/${name}.json"`, JSON.stringify(servers)) +
    `in_netns ${name} python3 "$DIR/server.py" "$DIR/${name}.json" </dev/null >"$DIR/${name}.log" 2>&1 &\nSERVERS+=($!)\n`
  );
}

function footer(probes: readonly ExportProbe[]): string {
  const asking = [...new Set(probes.map((one) => one.from))];
  const questions = asking.map((from) => {
    const rows = probes
      .filter((one) => one.from === from)
      .map((one) => [one.kind, word(one.target), one.port ?? '-', one.expected, one.about.replaceAll(/[^\w .:()@/-]/g, ' ')].join('\t'));
    return hereDocument(`ask ${exportedNetnsName(from)}`, rows.join('\n'));
  });
  return `
trap - ERR
note "Built: \${#NAMES[@]} namespaces, named $PREFIX… (ip netns list). Next: bash $0 --check"
exit 0
fi

# ---- --check
[ -e "$DIR/probe.py" ] || { note "It is not built yet: run this script without options first."; exit 1; }
verdict=0
ask() { in_netns "$1" python3 "$DIR/probe.py" "$1" || verdict=1; }
printf '%-30s %-50s %-7s %-11s %s\\n' FROM TO KERNEL SIMULATION ''
${questions.join('')}
if [ "$verdict" = 0 ]; then echo "No differences."; else echo "The kernel and the simulation differ."; fi
exit "$verdict"
`;
}
