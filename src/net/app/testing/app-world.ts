/** The article's cluster in small for tests of programs: two flannel nodes, two DNS servers, three web servers, a client with its resolv.conf. */

import { createNetwork } from '../../create-network.ts';
import type { Network } from '../../network.ts';
import type { Netns } from '../../records.ts';
import { putKubeRules, type ServicePort } from '../../testing/kube-rules.ts';
import { addFlannel, addPod, WorldBuilder } from '../../testing/world-builder.ts';
import type { ProgramEnvironment } from '../definition.ts';
import type { DnsServerConfig, DnsZone } from '../dns-server-config.ts';
import { programs } from '../index.ts';
import { simpleDns } from './simple-dns.ts';

export const EPOCH_MS = Date.UTC(2026, 3, 4, 9, 0, 0);
export const CLIENT = 'controlplane/netns/client.default';
export const CONTROLPLANE = 'controlplane/netns/root';
export const NODE01 = 'node01/netns/root';
export const WEBS: readonly string[] = ['10.244.1.3', '10.244.1.4', '10.244.1.5'];

const RESOLV_CONF = 'search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n';

export const ZONES: readonly DnsZone[] = [
  {
    origin: 'cluster.local.',
    ttlSeconds: 30,
    soa: {
      primary: 'ns.dns.cluster.local.',
      mailbox: 'hostmaster.cluster.local.',
      serial: 1775293200,
      refreshSeconds: 7200,
      retrySeconds: 1800,
      expireSeconds: 86400,
      minimumSeconds: 30,
    },
    names: {
      'svc.cluster.local.': [],
      'default.svc.cluster.local.': [],
      'web-service.default.svc.cluster.local.': [{ type: 'A', data: '10.97.253.216' }],
      '_http._tcp.web-service.default.svc.cluster.local.': [{ type: 'SRV', data: '0 100 80 web-service.default.svc.cluster.local.' }],
      'db.default.svc.cluster.local.': WEBS.map((data) => ({ type: 'A', data })),
      'old.default.svc.cluster.local.': [{ type: 'CNAME', data: 'web-service.default.svc.cluster.local.' }],
    },
    podPattern: { mode: 'insecure', namespaces: ['default'] },
  },
  {
    origin: 'in-addr.arpa.',
    ttlSeconds: 30,
    soa: {
      primary: 'ns.dns.cluster.local.',
      mailbox: 'hostmaster.cluster.local.',
      serial: 1,
      refreshSeconds: 1,
      retrySeconds: 1,
      expireSeconds: 1,
      minimumSeconds: 30,
    },
    names: { '216.253.97.10.in-addr.arpa.': [{ type: 'PTR', data: 'web-service.default.svc.cluster.local.' }] },
    fallthrough: true,
  },
];

/** As kubeadm's Corefile: names of the cluster are not kept, others for half a minute. */
export const dnsOf = (zones: readonly DnsZone[], log = false): DnsServerConfig => simpleDns({ zones, upstreams: ['172.30.0.1'], cacheSeconds: 30, log });
export const DNS: DnsServerConfig = dnsOf(ZONES);

export interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number | undefined;
}

export interface AppWorld {
  readonly b: WorldBuilder;
  readonly network: Network;
  /** Runs a command line to its end, or for `seconds` and then interrupts it. */
  run(netns: string, line: string, options?: Partial<ProgramEnvironment> & { readonly seconds?: number; readonly stdin?: string }): Ran;
  /** Starts it and returns its id; `output(id)` has what it wrote. */
  start(netns: string, line: string, options?: Partial<ProgramEnvironment>): string;
  output(id: string): Ran;
  idle(): void;
}

export function appWorld(
  options: { readonly seed?: number; readonly dns?: DnsServerConfig; readonly services?: readonly ServicePort[]; readonly trace?: boolean } = {},
): AppWorld {
  const b = new WorldBuilder();
  const nodes = [
    { name: 'controlplane', ip: '172.30.1.2', podCidr: '10.244.0.0/24' },
    { name: 'node01', ip: '172.30.2.2', podCidr: '10.244.1.0/24' },
  ];
  addFlannel(b, { nodes, gateway: '172.30.0.1', underlayPrefix: 16 });
  const router = b.host('router', { 'net.ipv4.ip_forward': 1 }, 'router');
  b.cable(
    'ethernet',
    { netns: 'underlay/netns/root', name: 'p-router' },
    { netns: router, name: 'eth0' },
    { masterA: 'underlay/netns/root/device/sw0', addressesB: ['172.30.0.1/16'] },
  );
  addPod(b, 'controlplane', 'coredns1', '10.244.0.2');
  addPod(b, 'controlplane', 'client', '10.244.0.3');
  addPod(b, 'node01', 'coredns2', '10.244.1.2');
  WEBS.forEach((ip, i) => {
    addPod(b, 'node01', `web-${i + 1}`, ip);
  });
  const client = b.records.get(CLIENT) as Netns;
  b.records.put({ ...client, files: { '/etc/resolv.conf': RESOLV_CONF, '/etc/hosts': '127.0.0.1\tlocalhost\n10.244.0.3\tclient\n' } });
  const services: readonly ServicePort[] = options.services ?? [
    { name: 'default/web-service', clusterIp: '10.97.253.216', port: 80, protocol: 'tcp', endpoints: WEBS.map((ip) => `${ip}:80`) },
    { name: 'kube-system/kube-dns:dns', clusterIp: '10.96.0.10', port: 53, protocol: 'udp', endpoints: ['10.244.0.2:53', '10.244.1.2:53'] },
    { name: 'default/empty', clusterIp: '10.96.0.99', port: 80, protocol: 'tcp', endpoints: [] },
  ];
  for (const node of nodes) putKubeRules(b, `${node.name}/netns/root`, { clusterCidr: '10.244.0.0/16', podCidr: node.podCidr, services });
  const network = createNetwork({ seed: options.seed ?? 1, records: b.records, ...(options.trace === undefined ? {} : { trace: options.trace }) });
  const written = new Map<string, { stdout: string; stderr: string; exitCode: number | undefined }>();
  network.onOutput = (id, stream, text, exitCode) => {
    const ran = written.get(id) ?? { stdout: '', stderr: '', exitCode: undefined };
    written.set(id, ran);
    if (stream === 'exit') ran.exitCode = exitCode;
    else if (stream !== 'file') ran[stream] += text;
  };
  const dns = options.dns ?? DNS;
  for (const netns of ['controlplane/netns/coredns1.default', 'node01/netns/coredns2.default'])
    network.spawn({ netns, app: 'dns-server', name: 'coredns', config: dns });
  WEBS.forEach((_ip, i) => {
    network.spawn({
      netns: `node01/netns/web-${i + 1}.default`,
      app: 'http-server',
      name: 'nginx',
      config: { port: 80, server: 'nginx', version: '1.29.3', epochMs: EPOCH_MS },
    });
  });
  const idle = (): void => {
    network.run({ untilNs: Number.POSITIVE_INFINITY, maxEvents: 1_000_000 });
  };
  idle();
  const output = (id: string): Ran => written.get(id) ?? { stdout: '', stderr: '', exitCode: undefined };
  const start: AppWorld['start'] = (netns, line, environment) => {
    const [name = '', ...argv] = words(line);
    const program = programs.get(name);
    if (program === undefined) throw new Error(`no program ${name}`);
    const parsed = program.parse(argv, { tty: true, image: 'nicolaka/netshoot', epochMs: EPOCH_MS, ...environment });
    if (parsed.ok) {
      const started = network.spawn({ netns, app: program.app, name, config: parsed.config });
      // An ended program's id may be used again.
      written.delete(started);
      return started;
    }
    const id = `refused-${written.size}`;
    written.set(id, { stdout: parsed.stdout ?? '', stderr: parsed.stderr, exitCode: parsed.exitCode });
    return id;
  };
  return {
    b,
    network,
    start,
    output,
    idle,
    run(netns, line, given = {}) {
      const { seconds, stdin, ...environment } = given;
      const id = start(netns, line, environment);
      if (stdin !== undefined) network.writeStdin(id, stdin);
      const done = () => output(id).exitCode !== undefined;
      if (seconds === undefined) network.run({ untilNs: Number.POSITIVE_INFINITY, maxEvents: 1_000_000, stop: done });
      else {
        network.run({ untilNs: network.nowNs + seconds * 1e9, maxEvents: 1_000_000, stop: done });
        if (!done()) network.signal(id, 'SIGINT');
      }
      return output(id);
    },
  };
}

/** Words of a line; single quotes keep blanks. */
function words(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '');
}
