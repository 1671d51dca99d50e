/** istioctl: what istiod has told the proxies, and what ztunnel knows. Istio 1.27: istioctl/pkg/{proxystatus,proxyconfig,ztunnelconfig,writer}, pkg/config/analysis. */
import { ambientPods, ztunnelMesh } from '../../kube/mesh/ambient.ts';
import { isIstiodReady, PROXY } from '../../kube/mesh/inject.ts';
import type { VirtualService } from '../../kube/mesh/istio-types.ts';
import { hostOf, meshModel, meshPorts, virtualServices } from '../../kube/mesh/services.ts';
import { fullHost, ruleFor } from '../../kube/mesh/traffic-policy.ts';
import { virtualHosts } from '../../kube/mesh/virtual-service.ts';
import { localityOf } from '../../kube/mesh/workloads.ts';
import { processId } from '../../kube/node/record-ids.ts';
import { findContainer } from '../../kube/pod/containers.ts';
import { parseImage } from '../../kube/pod/images.ts';
import { isContainerRunning } from '../../kube/pod/running.ts';
import { netnsOfPod, processNameOf } from '../../kube/pod/sandbox-agent.ts';
import { namespaceOf, type Pod } from '../../kube/pod/types.ts';
import type { Service } from '../../kube/service/types.ts';
import type { SidecarReport } from '../../net/app/mesh/sidecar.ts';
import type { KubeObject, StoreView } from '../../objects/types.ts';
import { defineCommand, type Invocation } from '../command.ts';
import { formatTable } from '../table.ts';

const PADDING = 5;
const table = (rows: readonly (readonly string[])[], padding = PADDING): string => formatTable(rows, 0, padding);
const byText = (a: readonly string[], b: readonly string[]): number => (a.join('\0') < b.join('\0') ? -1 : 1);

interface Asked {
  readonly words: readonly string[];
  readonly flags: ReadonlyMap<string, string>;
}

/** Words and flags; those that take a value take the next word where no `=` is there. */
function parse(argv: readonly string[]): Asked {
  const words: string[] = [];
  const flags = new Map<string, string>();
  const short: Readonly<Record<string, string>> = { n: 'namespace', A: 'all-namespaces', o: 'output' };
  for (let i = 0; i < argv.length; i += 1) {
    const word = argv[i] ?? '';
    const [, long, letter, value] = /^(?:--([a-z-]+)|-([a-zA-Z]))(?:=(.*))?$/s.exec(word) ?? [];
    const name = long ?? (letter === undefined ? undefined : (short[letter] ?? letter));
    if (name === undefined) words.push(word);
    else if (value !== undefined || name === 'all-namespaces' || name === 'verbose') flags.set(name, value ?? 'true');
    else {
      i += 1;
      flags.set(name, argv[i] ?? '');
    }
  }
  return { words, flags };
}

const proxies = (view: StoreView): readonly Pod[] =>
  view.list<Pod>('Pod').filter((pod) => isContainerRunning(pod, PROXY) && pod.spec.initContainers?.some(({ name }) => name === PROXY) === true);
const istiodOf = (view: StoreView): Pod | undefined =>
  view.list<Pod>('Pod').find((pod) => pod.spec.containers.some(({ image = '' }) => parseImage(image).repository === 'istio/pilot'));
const versionOf = (pod: Pod, container: string): string => parseImage(findContainer(pod, container)?.image ?? '').tag;

function proxyStatus(view: StoreView): string {
  const istiod = istiodOf(view)?.metadata.name ?? '';
  const rows = [
    ...proxies(view).map((pod) => [`${pod.metadata.name}.${namespaceOf(pod)}`, 'Kubernetes', istiod, versionOf(pod, PROXY), '4 (CDS,LDS,EDS,RDS)']),
    ...view
      .list<Pod>('Pod')
      .filter((pod) => pod.spec.containers.some(({ image = '', name }) => parseImage(image).repository === 'istio/ztunnel' && isContainerRunning(pod, name)))
      .map((pod) => [`${pod.metadata.name}.${namespaceOf(pod)}`, 'Kubernetes', istiod, versionOf(pod, pod.spec.containers[0]?.name ?? ''), '2 (WADS,WDS)']),
  ].sort(byText);
  return table([['NAME', 'CLUSTER', 'ISTIOD', 'VERSION', 'SUBSCRIBED TYPES'], ...rows]);
}

/** `pod`, `pod.namespace`, `deploy/name`. */
function podNamed(word: string, namespace: string, view: StoreView): Pod | undefined {
  const [kind, name] = word.includes('/') ? word.split('/') : ['pod', word];
  const all = proxies(view);
  if (kind !== 'pod' && kind !== 'pods' && kind !== 'po') return all.find((pod) => namespaceOf(pod) === namespace && pod.metadata.name.startsWith(`${name}-`));
  return (
    all.find((pod) => `${pod.metadata.name}.${namespaceOf(pod)}` === name) ?? all.find((pod) => pod.metadata.name === name && namespaceOf(pod) === namespace)
  );
}

function proxyConfig(what: string, pod: Pod, { flags }: Asked, { api: { view }, engine, nowNs }: Invocation['host']): string | undefined {
  const namespace = namespaceOf(pod);
  const model = meshModel({ namespace, labels: pod.metadata.labels ?? {}, locality: localityOf(pod, view) }, view);
  const inbound = (pod.spec.containers.flatMap(({ ports = [] }) => ports).map(({ containerPort }) => containerPort) ?? []).filter((one) => one !== undefined);
  const port = flags.get('port');
  switch (what) {
    case 'cluster':
    case 'clusters':
    case 'c': {
      const rows = model.backends.flatMap(({ name, passes }) => {
        const [, number = '', subset = '', host = ''] = name.split('|');
        if (host === '' || (port !== undefined && port !== number) || (flags.get('fqdn') ?? host) !== host) return [];
        const rule = ruleFor(host, host.split('.')[1] ?? '', namespace, view);
        const by = rule === undefined ? '' : `${rule.metadata.name}.${rule.metadata.namespace ?? ''}`;
        return [[host, number, subset === '' ? '-' : subset, 'outbound', passes === true ? 'ORIGINAL_DST' : 'EDS', by]];
      });
      const own = inbound.map((number) => ['', String(number), '-', 'inbound', 'ORIGINAL_DST', '']);
      const fixed = [
        ['BlackHoleCluster', '-', '-', '-', 'STATIC', ''],
        ['InboundPassthroughCluster', '-', '-', '-', 'ORIGINAL_DST', ''],
        ['PassthroughCluster', '-', '-', '-', 'ORIGINAL_DST', ''],
      ];
      const all = port === undefined && !flags.has('fqdn') ? [...own, ...fixed, ...rows] : [...own.filter(([, one]) => one === port), ...rows];
      return table([['SERVICE FQDN', 'PORT', 'SUBSET', 'DIRECTION', 'TYPE', 'DESTINATION RULE'], ...all.sort(byText)]);
    }
    case 'endpoint':
    case 'endpoints':
    case 'ep': {
      const cluster = flags.get('cluster');
      const netns = netnsOfPod(pod);
      const report = netns === undefined ? undefined : (engine.report(processId(netns, processNameOf(pod, PROXY))) as SidecarReport | undefined);
      const isOut = (name: string, address: string): boolean => (report?.health.get(name)?.get(address)?.backNs ?? 0) > nowNs;
      const rows = model.backends.flatMap(({ name, endpoints }) =>
        cluster !== undefined && cluster !== name
          ? []
          : endpoints.map((one) => {
              const address = `${one.ip}:${one.port}`;
              return [address, 'HEALTHY', isOut(name, address) ? 'FAILED' : 'OK', name];
            }),
      );
      return table([['ENDPOINT', 'STATUS', 'OUTLIER CHECK', 'CLUSTER'], ...rows.sort(byText)]);
    }
    case 'route':
    case 'routes':
    case 'r': {
      const rows: string[][] = [];
      for (const [number, hosts] of Object.entries(model.hosts)) {
        if (flags.has('name') && flags.get('name') !== number) continue;
        const seen = new Set<unknown>();
        for (const { name, routes } of hosts) {
          if (seen.has(routes)) continue;
          seen.add(routes);
          const names = hosts.filter((one) => one.routes === routes).map((one) => one.name);
          for (const route of routes) {
            const virtual = /^VirtualService\/([^/]+)\/(\S+)/.exec(route.owner);
            const { path } = route.match;
            const match = path.kind === 'exact' ? path.value : path.kind === 'regex' ? `regex ${path.value}` : `${path.value}*`;
            const more = names.length - 1;
            rows.push([
              number,
              `${name}:${number}`,
              more > 0 ? `${names[1] ?? name}, ${name} + ${more} more...` : name,
              match,
              virtual === null ? '' : `${virtual[2]}.${virtual[1]}`,
            ]);
          }
        }
      }
      return table([['NAME', 'VHOST NAME', 'DOMAINS', 'MATCH', 'VIRTUAL SERVICE'], ...rows.sort(byText)]);
    }
    case 'listener':
    case 'listeners':
    case 'l': {
      const rows = [
        ['0.0.0.0', '15001', 'ALL', 'PassthroughCluster'],
        ['0.0.0.0', '15001', 'Addr: *:15001', 'Non-HTTP/Non-TCP'],
        ['0.0.0.0', '15006', 'Addr: *:15006', 'Non-HTTP/Non-TCP'],
        ['0.0.0.0', '15006', 'Trans: tls; App: istio-http/1.0,istio-http/1.1,istio-h2; Addr: 0.0.0.0/0', 'InboundPassthroughCluster'],
        ...inbound.flatMap((number) => [
          [
            '0.0.0.0',
            '15006',
            `Trans: tls; App: istio,istio-peer-exchange,istio-http/1.0,istio-http/1.1,istio-h2; Addr: *:${number}`,
            `Cluster: inbound|${number}||`,
          ],
        ]),
        ['0.0.0.0', '15021', 'ALL', 'Inline Route: /healthz/ready*'],
        ['0.0.0.0', '15090', 'ALL', 'Inline Route: /stats/prometheus*'],
        ...Object.keys(model.hosts).flatMap((number) => [
          ['0.0.0.0', number, 'Trans: raw_buffer; App: http/1.1,h2c', `Route: ${number}`],
          ['0.0.0.0', number, 'ALL', 'PassthroughCluster'],
        ]),
        ...model.services
          .filter(({ protocol }) => protocol === 'tcp')
          .map(({ ip, port: number, cluster }) => [ip, String(number), 'ALL', `Cluster: ${cluster}`]),
      ].filter(([, number]) => port === undefined || number === port);
      return table([['ADDRESSES', 'PORT', 'MATCH', 'DESTINATION'], ...rows.sort((a, b) => Number(a[1]) - Number(b[1]) || byText(a, b))], 1);
    }
    default:
      return undefined;
  }
}

function ztunnelConfig(what: string, { flags }: Asked, view: StoreView): string | undefined {
  const mesh = ztunnelMesh(view);
  const wanted = flags.get('workload-namespace') ?? flags.get('service-namespace');
  if (what === 'workload' || what === 'workloads' || what === 'w') {
    const nodes = new Map(
      view
        .list<Pod>('Pod')
        .flatMap((pod) => (pod.status?.podIPs ?? []).flatMap(({ ip }) => (ip === undefined ? [] : [[ip, pod.spec.nodeName ?? ''] as const]))),
    );
    const rows = Object.entries(mesh.workloads)
      .filter(([, { namespace }]) => wanted === undefined || wanted === namespace)
      .map(([ip, one]) => [one.namespace, one.name, ip, nodes.get(ip) ?? '', 'None', one.hbone ? 'HBONE' : 'TCP']);
    return table([['NAMESPACE', 'POD NAME', 'ADDRESS', 'NODE', 'WAYPOINT', 'PROTOCOL'], ...rows.sort(byText)], 1);
  }
  if (what === 'service' || what === 'services' || what === 'svc') {
    const seen = new Map<string, readonly string[]>();
    for (const { host, ip, endpoints, waypoint } of Object.values(mesh.services)) {
      const [name = '', namespace = ''] = host.split('.');
      if (wanted !== undefined && wanted !== namespace) continue;
      seen.set(`${host} ${ip}`, [namespace, name, ip, waypoint === undefined ? 'None' : waypoint.ip, `${endpoints.length}/${endpoints.length}`]);
    }
    return table([['NAMESPACE', 'SERVICE NAME', 'SERVICE VIP', 'WAYPOINT', 'ENDPOINTS'], ...[...seen.values()].sort(byText)], 1);
  }
  return undefined;
}

interface Finding {
  readonly level: 'Error' | 'Warning' | 'Info';
  readonly code: string;
  readonly about: string;
  readonly text: string;
}

/** The analyzers that speak of what is simulated here. Istio: pkg/config/analysis/msg/messages.yaml */
function findings(view: StoreView, namespace: string | undefined): readonly Finding[] {
  const found: Finding[] = [];
  const hosts = new Map(meshPorts(view).map((one) => [one.host, one]));
  for (const virtual of virtualServices(view)) {
    const own = namespaceOf(virtual);
    const about = `VirtualService ${own}/${virtual.metadata.name}`;
    for (const { destination } of destinationsOf(virtual)) {
      const host = fullHost(destination.host, own);
      const target = hosts.get(host);
      if (target === undefined) found.push({ level: 'Error', code: 'IST0101', about, text: `Referenced host not found: ${JSON.stringify(destination.host)}` });
      else if (destination.subset !== undefined) {
        const rule = ruleFor(host, target.namespace, own, view);
        if (rule?.spec?.subsets?.some(({ name }) => name === destination.subset) !== true)
          found.push({
            level: 'Error',
            code: 'IST0101',
            about,
            text: `Referenced host+subset in destinationrule not found: "${destination.host}+${destination.subset}"`,
          });
      }
    }
    const twice = virtualServices(view).find(
      (one) =>
        one !== virtual &&
        one.spec?.gateways === undefined &&
        virtual.spec?.gateways === undefined &&
        virtualHosts(one).some((host) => virtualHosts(virtual).includes(host)),
    );
    if (twice !== undefined)
      found.push({
        level: 'Error',
        code: 'IST0109',
        about,
        text: `The VirtualServices ${[virtual, twice]
          .map((one) => `${namespaceOf(one)}/${one.metadata.name}`)
          .sort()
          .join(
            ',',
          )} associated with mesh gateway define the same host ${virtualHosts(virtual)[0] ?? ''} which can lead to undefined behavior. This can be fixed by merging the conflicting VirtualServices into a single resource.`,
      });
  }
  for (const one of view.list<KubeObject>('Namespace')) {
    const { name, labels = {} } = one.metadata;
    const pods = view.list<Pod>('Pod', name);
    if (/^(kube-|istio-system$)/.test(name) || pods.length === 0) continue;
    if (labels['istio-injection'] === undefined && labels['istio.io/rev'] === undefined && labels['istio.io/dataplane-mode'] === undefined)
      found.push({
        level: 'Info',
        code: 'IST0102',
        about: `Namespace ${name}`,
        text: `The namespace is not enabled for Istio injection. Run 'kubectl label namespace ${name} istio-injection=enabled' to enable it, or 'kubectl label namespace ${name} istio-injection=disabled' to explicitly mark it as not needing injection.`,
      });
    if (labels['istio-injection'] === 'enabled')
      for (const pod of pods)
        if (pod.spec.hostNetwork !== true && findContainer(pod, PROXY) === undefined && pod.metadata.labels?.['sidecar.istio.io/inject'] !== 'false')
          found.push({
            level: 'Warning',
            code: 'IST0103',
            about: `Pod ${name}/${pod.metadata.name}`,
            text: `The pod ${name}/${pod.metadata.name} is missing the Istio proxy. This can often be resolved by restarting or redeploying the workload.`,
          });
  }
  for (const service of view.list<Service>('Service')) {
    const own = namespaceOf(service);
    if (/^(kube-|istio-system$)/.test(own) || service.metadata.name === 'kubernetes' || !hosts.has(hostOf(service))) continue;
    for (const port of service.spec.ports ?? [])
      if ((port.name ?? '') === '' && port.appProtocol === undefined)
        found.push({
          level: 'Info',
          code: 'IST0118',
          about: `Service ${own}/${service.metadata.name}`,
          text: `Port name ${port.name ?? ''} (port: ${port.port}, targetPort: ${port.targetPort ?? port.port}) doesn't follow the naming convention of Istio port.`,
        });
  }
  return found.filter(({ about }) => namespace === undefined || about.split(' ')[1]?.split('/')[0] === namespace);
}

const destinationsOf = ({ spec = {} }: VirtualService) => [
  ...(spec.http ?? []).flatMap(({ route = [] }) => route),
  ...(spec.tcp ?? []).flatMap(({ route = [] }) => route),
];

const RANK = { Error: 0, Warning: 1, Info: 2 } as const;

function analyze(view: StoreView, asked: Asked, namespace: string): { readonly text: string; readonly fails: boolean; readonly note: string } {
  const scope = asked.flags.has('all-namespaces') ? undefined : (asked.flags.get('namespace') ?? namespace);
  const all = [...findings(view, scope)].sort((a, b) => RANK[a.level] - RANK[b.level] || (a.about < b.about ? -1 : 1));
  if (all.length === 0)
    return {
      text: '',
      fails: false,
      note: `\n✔ No validation issues found when analyzing ${scope === undefined ? 'all namespaces' : `namespace: ${scope}`}.\n`,
    };
  const fails = all.some(({ level }) => level === 'Error');
  const note = fails
    ? `Error: Analyzers found issues when analyzing ${scope === undefined ? 'all namespaces' : `namespace: ${scope}`}.\nSee https://istio.io/v1.27/docs/reference/config/analysis for more information about causes and resolutions.\n`
    : '';
  return { text: all.map(({ level, code, about, text }) => `${level} [${code}] (${about}) ${text}\n`).join(''), fails, note };
}

const USAGE = `Istio configuration command line utility for service operators to
debug and diagnose their Istio mesh.

Usage:
  istioctl [command]

Available Commands:
  analyze         Analyze Istio configuration and print validation messages
  proxy-config    Retrieve information about proxy configuration from Envoy [kube only]
  proxy-status    Retrieves the synchronization status of each Envoy in the mesh
  version         Prints out build version information
  ztunnel-config  Update or retrieve current Ztunnel configuration.
`;

function run({ argv, host, out, err }: Invocation, namespace: string): number {
  const asked = parse(argv);
  const { view } = host.api;
  const [verb = '', what = '', name = ''] = asked.words;
  if (verb === '' || verb === 'help') {
    out(USAGE);
    return 0;
  }
  const istiod = istiodOf(view);
  if (verb === 'version') {
    const version = istiod === undefined ? '1.27.1' : parseImage(istiod.spec.containers[0]?.image ?? '').tag;
    const count = proxies(view).length;
    out(
      istiod === undefined
        ? `Istio is not present in the cluster: no running Istio pods in namespace "istio-system"\nclient version: 1.27.1\n`
        : `client version: 1.27.1\ncontrol plane version: ${version}\ndata plane version: ${version} (${count} proxies)\n`,
    );
    return 0;
  }
  if (verb === 'analyze') {
    const { text, fails, note } = analyze(view, asked, namespace);
    out(text);
    if (text === '') out(note);
    else err(note);
    return fails ? 79 : 0;
  }
  if (!isIstiodReady(view)) {
    err('Error: unable to find any Istiod instances\n');
    return 1;
  }
  if (verb === 'proxy-status' || verb === 'ps') {
    out(proxyStatus(view));
    return 0;
  }
  if (verb === 'proxy-config' || verb === 'pc') {
    const own = asked.flags.get('namespace') ?? namespace;
    const pod = name === '' ? undefined : podNamed(name, own, view);
    if (pod === undefined) {
      err(
        name === ''
          ? `Error: ${what} requires pod name or --file parameter\n`
          : `Error: failed retrieving: pods ${JSON.stringify(name)} not found in the ${JSON.stringify(own)} namespace, or it has no proxy\n`,
      );
      return 1;
    }
    const text = proxyConfig(what, pod, asked, host);
    if (text === undefined) err(`Error: unknown command ${JSON.stringify(what)} for "istioctl proxy-config"\n`);
    else out(text);
    return text === undefined ? 1 : 0;
  }
  if (verb === 'ztunnel-config' || verb === 'zc') {
    if (
      ambientPods(view).length === 0 &&
      !view.list<Pod>('Pod').some((pod) => pod.spec.containers.some(({ image = '' }) => parseImage(image).repository === 'istio/ztunnel'))
    ) {
      err('Error: no ztunnel pods found\n');
      return 1;
    }
    const text = ztunnelConfig(what, asked, view);
    if (text === undefined) err(`Error: unknown command ${JSON.stringify(what)} for "istioctl ztunnel-config"\n`);
    else out(text);
    return text === undefined ? 1 : 0;
  }
  err(`Error: unknown command ${JSON.stringify(verb)} for "istioctl"\nRun 'istioctl --help' for usage.\n`);
  return 1;
}

export const istioctl = defineCommand({
  name: 'istioctl',
  summary: 'what istiod has told the proxies of a mesh',
  group: 'kubernetes',
  run: (invocation) => run(invocation, 'default'),
  complete: (words) =>
    words.length === 1
      ? ['analyze', 'proxy-config', 'proxy-status', 'version', 'ztunnel-config']
      : words[1] === 'proxy-config' && words.length === 2
        ? ['clusters', 'endpoints', 'listeners', 'routes']
        : words[1] === 'ztunnel-config' && words.length === 2
          ? ['services', 'workloads']
          : [],
});
