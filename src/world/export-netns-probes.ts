/** Questions for an exported cluster, with the simulation's own answers: every Service port, every kind of path between pods and nodes, names. */
import type { Service } from '../kube/service/types.ts';
import { programs } from '../net/app/index.ts';
import type { ExportProbe } from './export-netns.ts';
import { exportedServers } from './export-netns-servers.ts';
import type { NetnsView } from './views.ts';
import type { World } from './world.ts';

/** More would make a table that nobody reads. */
const MAX_PROBES = 60;
/** A question's time, in the simulation as in the built cluster. */
const WAIT_NS = 2e9;
const MAX_EVENTS = 200_000;

type Question = Omit<ExportProbe, 'expected'>;

/** One virtual attempt for each question; the world's clock goes on by as much. */
export function probesFor(world: World): ExportProbe[] {
  return questions(world)
    .slice(0, MAX_PROBES)
    .map((question) => ({ ...question, expected: answer(world, question) ? 'yes' : 'no' }));
}

function questions(world: World): Question[] {
  const { netnses, services, hosts } = world.topology();
  const outside = netnses.filter((one) => one.type === 'root' && hosts.some((host) => host.id === one.hostId && host.role === 'external'));
  const pods = netnses.filter((one) => one.type === 'pod');
  const nodes = netnses.filter((one) => one.type === 'root' && hosts.some((host) => host.id === one.hostId && host.role === 'node'));
  // A box of tools rather than a server, and one that asks the cluster's own name server.
  const asker = pods.find((one) => portsOf(world, one).length === 0) ?? pods[0];
  if (asker === undefined) return [];
  const from = asker.id;
  const list: Question[] = [];
  for (const host of outside.filter((one) => one.ip !== '')) {
    list.push({ from, kind: 'ping', target: host.ip, about: `host ${host.title}` });
    for (const port of portsOf(world, host)) list.push({ from, kind: 'tcp', target: host.ip, port, about: `host ${host.title}` });
  }
  for (const pod of pods.filter((one) => one !== asker && one.ip !== '')) {
    list.push({ from, kind: 'ping', target: pod.ip, about: `pod ${pod.title}` });
    for (const port of portsOf(world, pod)) list.push({ from, kind: 'tcp', target: pod.ip, port, about: `pod ${pod.title}` });
  }
  for (const service of services) {
    if (service.clusterIp === 'None' || service.clusterIp === '') continue;
    list.push({ from, kind: 'name', target: `${service.name}.${service.namespace}.svc.cluster.local`, about: `Service ${service.name}` });
    for (const match of service.ports.matchAll(/(\d+)(?::\d+)?\/TCP/g)) {
      const port = Number(match[1]);
      for (const one of [asker, ...nodes]) list.push({ from: one.id, kind: 'tcp', target: service.clusterIp, port, about: `Service ${service.name}` });
      for (const target of outerAddresses(world, service.namespace, service.name)) {
        for (const one of [asker, ...outside]) list.push({ from: one.id, kind: 'tcp', target, port, about: `Service ${service.name}, outer address` });
      }
    }
    for (const match of service.ports.matchAll(/:(\d+)\/TCP/g)) {
      const port = Number(match[1]);
      for (const node of nodes) {
        for (const one of [asker, ...outside])
          list.push({ from: one.id, kind: 'tcp', target: node.ip, port, about: `Service ${service.name}, node port of ${node.title}` });
      }
    }
  }
  return list;
}

/** Addresses of a Service that are not the cluster's: external IPs and those of its load balancer. */
function outerAddresses(world: World, namespace: string, name: string): readonly string[] {
  const service = world.api.view.find<Service>(`Service/${namespace}/${name}`);
  return [...(service?.spec.externalIPs ?? []), ...(service?.status?.loadBalancer?.ingress ?? []).flatMap((one) => (one.ip === undefined ? [] : [one.ip]))];
}

/** TCP ports on which something listens in a netns. */
function portsOf(world: World, netns: NetnsView): number[] {
  const ports: number[] = [];
  for (const record of world.records.values()) {
    if (record.kind !== 'process' || record.netns !== netns.id) continue;
    for (const server of exportedServers(record, netns.title)) if (server.kind !== 'udp') ports.push(server.port);
  }
  return ports;
}

function answer(world: World, question: Question): boolean {
  const { kind, target, port } = question;
  const line =
    kind === 'tcp' ? ['nc', '-z', '-w', '2', target, String(port)] : kind === 'ping' ? ['ping', '-c', '1', '-W', '2', target] : ['getent', 'hosts', target];
  const program = programs.get(line[0] as string);
  const parsed = program?.parse(line.slice(1), { tty: false, image: 'host' });
  if (program === undefined || parsed?.ok !== true) return false;
  const { engine } = world;
  const id = engine.spawn({ app: program.app, netns: question.from, name: program.app, config: parsed.config });
  const running = (): boolean => engine.findProcess(id)?.running === true;
  engine.run({ untilNs: engine.nowNs + WAIT_NS + 1e9, maxEvents: MAX_EVENTS, stop: () => !running() });
  if (running()) engine.signal(id, 'SIGKILL');
  return engine.findProcess(id)?.exitCode === 0;
}
