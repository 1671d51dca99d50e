/** What the container images that we know do on the network. An image we do not know listens on its containerPorts and answers with its pod's name. */
import type { GrpcEchoConfig } from '../../net/app/grpc/grpc-echo.ts';
import type { ModelServerConfig } from '../../net/app/inference/model-server.ts';
import type { HttpServerConfig, L4EchoConfig, SctpServerConfig, TcpServerConfig, UdpEchoConfig } from '../../net/app/server-config.ts';
import type { Container } from './types.ts';

/** What a container is, for the agents: a server, a box of tools, or one of the cluster's own components, whose work other agents do. */
export type ImageRole =
  | 'server'
  | 'tools'
  | 'pause'
  | 'coredns'
  | 'flannel'
  | 'cilium'
  | 'calico'
  | 'kindnet'
  | 'kube-network-policies'
  | 'kube-proxy'
  | 'ingress-nginx'
  | 'traefik'
  | 'gateway-proxy'
  | 'gateway-controller'
  | 'control-plane'
  | 'unknown';

/** `docker.io/library/nginx:1.27` → repository `nginx`, tag `1.27`. */
export interface ImageName {
  /** Without registry, and without Docker Hub's `library/`. */
  readonly repository: string;
  readonly tag: string;
}

/** One program of a container. */
export interface ContainerProgram {
  readonly app: 'http-server' | 'tcp-server' | 'udp-echo' | 'l4-echo' | 'sctp-server' | 'grpc-echo' | 'http2-server' | 'model-server';
  /** Told apart where a container has several: `''`, `udp`, `8080`. */
  readonly suffix: string;
  readonly config: HttpServerConfig | TcpServerConfig | UdpEchoConfig | L4EchoConfig | SctpServerConfig | GrpcEchoConfig | ModelServerConfig;
  /** It speaks TLS with what is in these files. */
  readonly certificate?: { readonly chain: string; readonly key: string /** Of those whose certificates clients must have. */; readonly clients?: string };
}

export interface ContainerBehaviour {
  readonly role: ImageRole;
  readonly programs: readonly ContainerProgram[];
  /** What the author should know: the image or its command is not simulated. */
  readonly note?: string;
}

export function parseImage(image: string): ImageName {
  const withoutDigest = image.split('@')[0] ?? '';
  const slash = withoutDigest.lastIndexOf('/');
  const colon = withoutDigest.indexOf(':', slash + 1);
  const path = colon < 0 ? withoutDigest : withoutDigest.slice(0, colon);
  const parts = path.split('/');
  const first = parts[0] ?? '';
  const hasRegistry = parts.length > 1 && (first.includes('.') || first.includes(':') || first === 'localhost');
  return { repository: (hasRegistry ? parts.slice(1) : parts).join('/').replace(/^library\//, ''), tag: colon < 0 ? 'latest' : withoutDigest.slice(colon + 1) };
}

type Behave = (container: Container, image: ImageName, words: readonly string[]) => readonly ContainerProgram[];
interface KnownImage {
  readonly role: ImageRole;
  /** Whole repository, or its last part where it is written with a leading slash. */
  readonly repositories: readonly string[];
  /** Names by which a command starts this image's own server; any other command is not simulated. */
  readonly binaries?: readonly string[];
  readonly behave?: Behave;
}

const http = (config: HttpServerConfig): ContainerProgram => ({ app: 'http-server', suffix: '', config });
const secured = (chain: string | undefined, key: string | undefined, program: ContainerProgram, clients?: string): readonly ContainerProgram[] =>
  chain === undefined || key === undefined ? [] : [{ ...program, certificate: { chain, key, ...(clients === undefined ? {} : { clients }) } }];
const silent =
  (port: number): Behave =>
  () => [{ app: 'tcp-server', suffix: '', config: { port, greeting: '', echo: false } }];
const versionOf = (tag: string): { readonly version?: string } => {
  const match = /^v?(\d+\.\d+(?:\.\d+)?)/.exec(tag);
  return match?.[1] === undefined ? {} : { version: match[1] };
};
const portOf = (text: string | undefined): number | undefined => {
  const port = Number(/(\d+)$/.exec(text ?? '')?.[1] ?? Number.NaN);
  return Number.isInteger(port) && port > 0 && port < 65536 ? port : undefined;
};
/** Value of `--name=value`, `--name value`, or the same with one dash. */
function flag(words: readonly string[], ...names: readonly string[]): string | undefined {
  for (let i = 0; i < words.length; i += 1) {
    const [key, ...value] = (words[i] ?? '').replace(/^--?/, '').split('=');
    if (!(words[i] ?? '').startsWith('-') || !names.includes(key ?? '')) continue;
    return value.length > 0 ? value.join('=') : words[i + 1];
  }
  return undefined;
}
/** The address in `127.0.0.1:5678`, where a server binds to one of its own. */
function boundTo(text: string | undefined): { readonly address?: string } {
  const address = text === undefined ? undefined : /^(\d{1,3}(?:\.\d{1,3}){3}|localhost)(?::\d+)?$/.exec(text)?.[1]?.replace('localhost', '127.0.0.1');
  return address === undefined || address === '0.0.0.0' ? {} : { address };
}
const env = (container: Container, name: string): string | undefined => container.env?.find((one) => one.name === name)?.value;

/** A flag of Go's that is set, by itself or to true. */
const isOn = (words: readonly string[], name: string): boolean => words.some((word) => word === `--${name}` || word === `--${name}=true`);

/** SERVE_PORT_80=text, SERVE_SCTP_PORT_81=text. Kubernetes: test/images/agnhost/porter/porter.go */
const porter = (container: Container): readonly ContainerProgram[] =>
  (container.env ?? []).flatMap(({ name, value = '' }): ContainerProgram[] => {
    const [, kind, digits] = /^SERVE_(SCTP_|TLS_)?PORT_(\d+)$/.exec(name) ?? [];
    const port = portOf(digits);
    if (port === undefined || kind === 'TLS_') return [];
    if (kind === 'SCTP_') return [{ app: 'sctp-server', suffix: `${port}-sctp`, config: { port, greeting: value } }];
    return [{ app: 'http-server', suffix: String(port), config: { port, server: 'echo', text: value } }];
  });

/** llm-d-inference-sim: --model, --port, --max-num-seqs, --inter-token-latency; what a block takes is ours, the sum of it its --time-to-first-token. */
const modelServer: Behave = (_container, _image, words) => {
  const number = (name: string, otherwise: number): number => Number(/^(\d+)(?:ms)?$/.exec(flag(words, name) ?? '')?.[1] ?? otherwise);
  return [
    {
      app: 'model-server',
      suffix: '',
      config: {
        port: portOf(flag(words, 'port')) ?? 8000,
        model: flag(words, 'model') ?? 'model',
        blockMs: 20,
        tokenMs: number('inter-token-latency', 5),
        slots: number('max-num-seqs', 5),
        cacheBlocks: 1024,
      },
    },
  ];
};

const agnhost: Behave = (container, _image, words) => {
  const verb = words.find((word) => ['netexec', 'serve-hostname', 'porter'].includes(word));
  if (verb === 'porter') return porter(container);
  if (verb === 'serve-hostname') {
    const port = portOf(flag(words, 'port')) ?? 9376;
    if (isOn(words, 'udp')) return [{ app: 'udp-echo', suffix: 'udp', config: { port, ownName: true } }];
    if (isOn(words, 'tcp')) return [{ app: 'tcp-server', suffix: '', config: { port, echo: false } }];
    return [http({ port, server: 'generic' })];
  }
  if (verb !== 'netexec') return [];
  const udpPort = portOf(flag(words, 'udp-port')) ?? 8081;
  const sctpPort = portOf(flag(words, 'sctp-port'));
  const sctp: readonly ContainerProgram[] = sctpPort === undefined ? [] : [{ app: 'sctp-server', suffix: 'sctp', config: { port: sctpPort } }];
  const web = http({ port: portOf(flag(words, 'http-port')) ?? 8080, server: 'agnhost' });
  const inTls = secured(flag(words, 'tls-cert-file'), flag(words, 'tls-private-key-file'), web);
  return [...(inTls.length > 0 ? inTls : [web]), { app: 'udp-echo', suffix: 'udp', config: { port: udpPort } }, ...sctp];
};

const python: Behave = (_container, _image, words) => {
  const at = words.indexOf('http.server');
  return at < 0 ? [] : [http({ port: portOf(/^\d+$/.exec(words[at + 1] ?? '')?.[0]) ?? 8000, server: 'python', ...boundTo(flag(words, 'bind', 'b')) })];
};

const echoText: Behave = (container, _image, words) => {
  const text = flag(words, 'text') ?? env(container, 'ECHO_TEXT');
  const status = Number(flag(words, 'status-code') ?? 200);
  const own = { ...(text === undefined ? {} : { text }), ...(status === 200 || !Number.isInteger(status) || status < 100 || status > 999 ? {} : { status }) };
  return [http({ port: portOf(flag(words, 'listen')) ?? 5678, server: 'echo', ...boundTo(flag(words, 'listen')), ...own })];
};

/** One server or another, by environment variables. sigs.k8s.io/gateway-api: conformance/echo-basic/echo-basic.go. */
const echoBasic: Behave = (container) => {
  const port = (name: string, otherwise: number): number => portOf(env(container, name)) ?? otherwise;
  const service = env(container, 'SERVICE_NAME') ?? '';
  const tcpPort = port('TCP_PORT', 3000);
  const tlsPort = port('TLS_PORT', 8443);
  const [certificate, key] = [env(container, 'TLS_SERVER_CERT'), env(container, 'TLS_SERVER_PRIV_KEY') ?? env(container, 'TLS_SERVER_PRIVKEY')];
  if (env(container, 'UDP_ECHO_SERVER') !== undefined)
    return [{ app: 'l4-echo', suffix: '', config: { port: port('UDP_PORT', 8080), protocol: 'udp', service, tcpPort, tlsPort } }];
  if (env(container, 'TCP_ECHO_SERVER') !== undefined)
    return [
      { app: 'l4-echo', suffix: '', config: { port: tcpPort, protocol: 'tcp', service, tcpPort, tlsPort } },
      ...secured(certificate, key, { app: 'l4-echo', suffix: 'tls', config: { port: tlsPort, protocol: 'tcp', service, tcpPort, tlsPort } }),
    ];
  if (env(container, 'GRPC_ECHO_SERVER') !== undefined)
    return [
      { app: 'grpc-echo', suffix: '', config: { port: port('HTTP_PORT', 3000), service } },
      ...secured(certificate, key, { app: 'grpc-echo', suffix: 'tls', config: { port: port('HTTPS_PORT', 8443), service } }),
    ];
  return [
    http({ port: port('HTTP_PORT', 3000), server: 'echo-basic' }),
    { app: 'http2-server', suffix: 'h2c', config: { port: port('H2C_PORT', 3001), server: 'echo-basic' } },
    ...secured(certificate, key, { ...http({ port: port('HTTPS_PORT', 8443), server: 'echo-basic' }), suffix: 'https' }),
  ];
};

const KNOWN: readonly KnownImage[] = [
  {
    role: 'server',
    repositories: ['nginx'],
    binaries: ['nginx', 'docker-entrypoint.sh'],
    behave: (_c, image) => [http({ port: 80, server: 'nginx', ...versionOf(image.tag) })],
  },
  // The tags of Kubernetes' own tutorials count that image's builds, not nginx' versions.
  { role: 'server', repositories: ['/nginx-slim'], binaries: ['nginx'], behave: () => [http({ port: 80, server: 'nginx' })] },
  {
    role: 'server',
    repositories: ['nginxinc/nginx-unprivileged', 'bitnami/nginx'],
    binaries: ['nginx'],
    behave: (_c, image) => [http({ port: 8080, server: 'nginx', ...versionOf(image.tag) })],
  },
  {
    role: 'server',
    repositories: ['nginxdemos/hello', 'nginxdemos/nginx-hello'],
    binaries: ['nginx'],
    behave: (_c, image) => [http({ port: image.repository.endsWith('nginx-hello') ? 8080 : 80, server: 'nginx' })],
  },
  {
    role: 'server',
    repositories: ['httpd'],
    binaries: ['httpd', 'httpd-foreground'],
    behave: (_c, image) => [http({ port: 80, server: 'httpd', ...versionOf(image.tag) })],
  },
  {
    role: 'server',
    repositories: ['traefik/whoami', 'containous/whoami'],
    binaries: ['whoami'],
    behave: (container, _image, words) => {
      const plain = http({ port: portOf(flag(words, 'port') ?? env(container, 'WHOAMI_PORT_NUMBER')) ?? 80, server: 'whoami' });
      const inTls = secured(flag(words, 'cert'), flag(words, 'key'), plain, flag(words, 'cacert'));
      return inTls.length > 0 ? inTls : [plain];
    },
  },
  { role: 'server', repositories: ['hashicorp/http-echo'], binaries: ['http-echo'], behave: echoText },
  {
    role: 'server',
    repositories: ['/echo-basic'],
    behave: echoBasic,
  },
  { role: 'server', repositories: ['/llm-d-inference-sim'], behave: modelServer },
  { role: 'server', repositories: ['/agnhost'], binaries: ['agnhost'], behave: agnhost },
  { role: 'server', repositories: ['python'], binaries: ['python', 'python3'], behave: python },
  {
    role: 'server',
    repositories: ['kicbase/echo-server', '/echoserver', 'ealen/echo-server', 'google-samples/hello-app'],
    behave: (container, image) => [http({ port: portOf(env(container, 'PORT')) ?? (image.repository === 'ealen/echo-server' ? 80 : 8080), server: 'generic' })],
  },
  { role: 'server', repositories: ['redis', 'bitnami/redis', 'valkey/valkey'], binaries: ['redis-server', 'valkey-server'], behave: silent(6379) },
  { role: 'server', repositories: ['postgres'], binaries: ['postgres'], behave: silent(5432) },
  { role: 'server', repositories: ['mysql', 'mariadb'], binaries: ['mysqld', 'mariadbd'], behave: silent(3306) },
  { role: 'server', repositories: ['mongo'], binaries: ['mongod'], behave: silent(27017) },
  { role: 'server', repositories: ['memcached'], binaries: ['memcached'], behave: silent(11211) },
  {
    role: 'tools',
    repositories: [
      '/netshoot',
      '/busybox',
      '/alpine',
      ...['debian', 'ubuntu', 'bash', 'fedora', 'centos', 'rockylinux', 'amazonlinux'],
      '/curl',
      '/dnsutils',
      '/jessie-dnsutils',
      'praqma/network-multitool',
      'wbitt/network-multitool',
    ],
    // Tool boxes serve only what their command says.
    binaries: ['python', 'python3'],
    behave: python,
  },
  { role: 'pause', repositories: ['/pause', '/pause-amd64'] },
  { role: 'coredns', repositories: ['/coredns', '/k8s-dns-node-cache'] },
  { role: 'flannel', repositories: ['/flannel'] },
  { role: 'cilium', repositories: ['/cilium'] },
  { role: 'calico', repositories: ['calico/node'] },
  { role: 'kindnet', repositories: ['/kindnetd'] },
  { role: 'kube-network-policies', repositories: ['/kube-network-policies'] },
  { role: 'kube-proxy', repositories: ['/kube-proxy'] },
  { role: 'gateway-proxy', repositories: ['envoyproxy/envoy', 'istio/proxyv2'] },
  { role: 'gateway-controller', repositories: ['envoyproxy/gateway', 'istio/pilot'] },
  { role: 'ingress-nginx', repositories: ['ingress-nginx/controller', 'ingress-nginx/controller-chroot'] },
  { role: 'traefik', repositories: ['traefik', 'traefik/traefik'] },
  {
    role: 'control-plane',
    repositories: ['/kube-apiserver', '/kube-controller-manager', '/kube-scheduler', '/etcd', '/operator-generic', 'calico/kube-controllers', 'calico/cni'],
  },
];

const exact = new Map<string, KnownImage>();
const byLastPart = new Map<string, KnownImage>();
for (const known of KNOWN) {
  for (const repository of known.repositories) {
    if (repository.startsWith('/')) byLastPart.set(repository.slice(1), known);
    else exact.set(repository, known);
  }
}

/** Names to write in a container, of the servers and the boxes of tools. */
export const knownImages: readonly string[] = KNOWN.filter((one) => one.role === 'server' || one.role === 'tools').flatMap((one) => {
  const name = one.repositories[0] ?? '';
  return name.startsWith('/') ? [] : [name];
});

function findKnown(image: ImageName): KnownImage | undefined {
  return exact.get(image.repository) ?? byLastPart.get(image.repository.slice(image.repository.lastIndexOf('/') + 1));
}

/** Asked for every pod at every change; few different images are in use. */
const roles = new Map<string, ImageRole>();
const MAX_ROLES = 500;

export function imageRole(image: string): ImageRole {
  let role = roles.get(image);
  if (role === undefined) {
    role = findKnown(parseImage(image))?.role ?? 'unknown';
    if (roles.size >= MAX_ROLES) roles.clear();
    roles.set(image, role);
  }
  return role;
}

/** Has no program of its own: its arguments are a command. */
export const isToolbox = (image: string): boolean => imageRole(image) === 'tools';

/** The words that run: of `sh -c SCRIPT` those of the script. */
function commandWords(container: Container): readonly string[] {
  const words = [...(container.command ?? []), ...(container.args ?? [])];
  const shell = /(^|\/)(ba|da|a)?sh$/.test(words[0] ?? '') && /^-[a-z]*c$/.test(words[1] ?? '');
  return shell ? (words[2] ?? '').split(/[\s;&|]+/).filter((word) => word !== '') : words;
}

const baseName = (word: string): string => word.slice(word.lastIndexOf('/') + 1);

/** Ports that a probe asks at, beside the declared ones: whoever wrote the probe knows that the image listens there. */
function probedPorts(container: Container): readonly { readonly containerPort: number; readonly protocol?: 'TCP' | 'UDP' | 'SCTP' }[] {
  const numbers = new Set<number>();
  for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
    const action = (probe?.httpGet ?? probe?.tcpSocket) as { readonly port?: unknown; readonly host?: string } | undefined;
    if (typeof action?.port === 'number' && action.host === undefined) numbers.add(action.port);
  }
  return [...numbers]
    .filter((number) => container.ports?.some((port) => port.containerPort === number && (port.protocol ?? 'TCP') === 'TCP') !== true)
    .map((containerPort) => ({ containerPort }));
}

/** An image we do not know: every containerPort answers with the pod's name. */
function generic(container: Container, hostname: string): readonly ContainerProgram[] {
  return [...(container.ports ?? []), ...probedPorts(container)].flatMap((port): ContainerProgram[] => {
    const suffix = `${port.containerPort}${port.protocol === 'UDP' ? '-udp' : port.protocol === 'SCTP' ? '-sctp' : ''}`;
    if (port.protocol === 'UDP') return [{ app: 'udp-echo', suffix, config: { port: port.containerPort, text: `${hostname}\n` } }];
    if (port.protocol === 'SCTP') return [{ app: 'sctp-server', suffix, config: { port: port.containerPort } }];
    return [{ app: 'http-server', suffix, config: { port: port.containerPort, server: 'generic' } }];
  });
}

/** Containers of one template are one object in all its pods. */
const remembered = new WeakMap<Container, ContainerBehaviour>();

/** What a container does on the network; `hostname` is its pod's. */
export function behaviourOf(container: Container, hostname: string): ContainerBehaviour {
  const known = remembered.get(container);
  if (known !== undefined) return known;
  const behaviour = readBehaviour(container, hostname);
  // Only a generic server's answer names its pod.
  if (behaviour.role !== 'unknown') remembered.set(container, behaviour);
  return behaviour;
}

function readBehaviour(container: Container, hostname: string): ContainerBehaviour {
  const text = container.image ?? '';
  const image = parseImage(text);
  const known = findKnown(image);
  if (known === undefined) {
    const ports = generic(container, hostname);
    const does = ports.length === 0 ? 'it declares no containerPorts, so it listens nowhere' : "its containerPorts answer with the pod's name";
    return { role: 'unknown', programs: ports, note: `image "${text}" is not known and is simulated: ${does}` };
  }
  if (known.behave === undefined) return { role: known.role, programs: [] };
  const words = commandWords(container);
  const overridden = container.command !== undefined && container.command.length > 0;
  if (overridden && !words.some((word) => known.binaries?.includes(baseName(word)) === true)) {
    return { role: known.role, programs: [] };
  }
  const programs = known.behave(container, image, words);
  // `sh -c 'sleep 8; exec python3 -m http.server 80'`: a program that takes its time to begin.
  const seconds = Number(/^\s*sleep (\d{1,4})\s*(?:;|&&)/.exec([...(container.command ?? []), ...(container.args ?? [])][2] ?? '')?.[1] ?? 0);
  if (seconds === 0) return { role: known.role, programs };
  return {
    role: known.role,
    programs: programs.map((one) => (one.app === 'http-server' ? { ...one, config: { ...one.config, startSeconds: seconds } } : one)),
  };
}
