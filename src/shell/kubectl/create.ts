/** kubectl create: from files, or deployment, namespace, service, configmap and the like from flags. */
import type { Kind, KubeObject } from '../../objects/types.ts';
import type { Outcome } from '../command.ts';
import { baseName, resolvePath } from '../paths.ts';
import { encodeBase64 } from '../text/words.ts';
import { applyFiles } from './apply.ts';
import { checkDryRun, defineVerb, dryRunFlag, dryRunSuffix, failureText, filenameFlag, type Kubectl, outputFlag, qualifiedName } from './client.ts';
import { KubectlError } from './flags.ts';
import { containerNameOf, parsePortSpec } from './generators.ts';
import { formatObjects, parseOutput } from './output.ts';

const SUBCOMMANDS = [
  'clusterrole',
  'clusterrolebinding',
  'configmap',
  'cronjob',
  'deployment',
  'ingress',
  'job',
  'namespace',
  'poddisruptionbudget',
  'priorityclass',
  'quota',
  'role',
  'rolebinding',
  'secret',
  'service',
  'serviceaccount',
  'token',
];
const ALIASES: Readonly<Record<string, string>> = {
  deploy: 'deployment',
  ns: 'namespace',
  cm: 'configmap',
  svc: 'service',
  sa: 'serviceaccount',
  ing: 'ingress',
};

export const create = defineVerb({
  name: 'create',
  summary: 'makes objects: create deployment|namespace|service|configmap|…, or -f FILE',
  completes: 'files',
  flags: [
    filenameFlag,
    dryRunFlag,
    outputFlag,
    { name: 'image', type: 'list' },
    { name: 'replicas', short: 'r', type: 'int' },
    { name: 'port', type: 'int' },
    { name: 'tcp', type: 'list' },
    { name: 'clusterip', type: 'string' },
    { name: 'node-port', type: 'int' },
    { name: 'external-name', type: 'string' },
    { name: 'from-literal', type: 'list' },
    { name: 'from-file', type: 'list' },
    { name: 'rule', type: 'list' },
    { name: 'class', type: 'string' },
    { name: 'annotation', type: 'list' },
    { name: 'default-backend', type: 'string' },
    { name: 'save-config', type: 'bool' },
    { name: 'validate', type: 'optional', bare: 'strict' },
    { name: 'recursive', short: 'R', type: 'bool' },
    { name: 'field-manager', type: 'string' },
  ],
  run: (kubectl) => {
    const { flags } = kubectl;
    if (flags.has('filename')) return applyFiles(kubectl, 'create');
    const word = flags.args[0];
    if (word === undefined) throw new KubectlError('Error: must specify one of -f and -k');
    const subcommand = ALIASES[word] ?? word;
    if (!SUBCOMMANDS.includes(subcommand))
      throw new KubectlError(`error: Unexpected args: [${flags.args.join(' ')}]\nSee 'kubectl create -h' for help and examples`);
    return createByFlags(kubectl, subcommand, flags.args.slice(1));
  },
});

function createByFlags(kubectl: Kubectl, subcommand: string, args: readonly string[]): Outcome {
  const need = (list: readonly string[], at: number, title: string): string => {
    const name = list[at];
    if (name === undefined) throw new KubectlError(`error: exactly one NAME is required, got 0\nSee 'kubectl create ${title} -h' for help and examples`);
    return name;
  };
  switch (subcommand) {
    case 'namespace':
      return store(kubectl, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: need(args, 0, 'namespace') }, spec: {}, status: {} }, undefined);
    case 'deployment':
      return store(kubectl, deployment(kubectl, need(args, 0, 'deployment')), 'failed to create deployment');
    case 'service': {
      const type = args[0];
      if (type === undefined)
        throw new KubectlError(
          "error: must specify one of clusterip, nodeport, loadbalancer, externalname\nSee 'kubectl create service -h' for help and examples",
        );
      const titles: Readonly<Record<string, string>> = {
        clusterip: 'ClusterIP',
        nodeport: 'NodePort',
        loadbalancer: 'LoadBalancer',
        externalname: 'ExternalName',
      };
      const title = titles[type];
      if (title === undefined) throw new KubectlError(`error: unknown command "${type}"\nSee 'kubectl create service -h' for help and examples`);
      return store(kubectl, service(kubectl, title, need(args, 1, `service ${type}`)), `failed to create ${title} service`);
    }
    case 'configmap':
      return store(
        kubectl,
        { apiVersion: 'v1', kind: 'ConfigMap', metadata: meta(kubectl, need(args, 0, 'configmap')), data: literals(kubectl) } as KubeObject,
        'failed to create configmap',
      );
    case 'secret': {
      if (args[0] !== 'generic') throw new KubectlError(`error: only \`kubectl create secret generic\` is part of this simulated kubectl`);
      const data = Object.fromEntries(Object.entries(literals(kubectl)).map(([key, value]) => [key, encodeBase64(value)]));
      return store(
        kubectl,
        { apiVersion: 'v1', kind: 'Secret', metadata: meta(kubectl, need(args, 1, 'secret generic')), type: 'Opaque', data } as KubeObject,
        'failed to create secret',
      );
    }
    case 'serviceaccount':
      return store(
        kubectl,
        { apiVersion: 'v1', kind: 'ServiceAccount', metadata: meta(kubectl, need(args, 0, 'serviceaccount')) },
        'failed to create serviceaccount',
      );
    case 'ingress':
      return store(kubectl, ingress(kubectl, need(args, 0, 'ingress')), 'failed to create ingress');
    default:
      throw new KubectlError(`error: \`kubectl create ${subcommand}\` is not part of this simulated kubectl; write it as YAML and apply that`);
  }
}

function meta(kubectl: Kubectl, name: string, labels?: Readonly<Record<string, string>>): KubeObject['metadata'] {
  return { name, namespace: kubectl.namespace, ...(labels === undefined ? {} : { labels }) };
}

function deployment(kubectl: Kubectl, name: string): KubeObject {
  const { flags } = kubectl;
  const images = flags.all('image').flatMap((value) => value.split(','));
  if (images.length === 0) throw new KubectlError('error: required flag(s) "image" not set');
  const labels = { app: name };
  const command = flags.hasDash ? flags.args.slice(flags.beforeDash) : [];
  const containers = images.map((image, index) => ({
    name: containerNameOf(image),
    image,
    resources: {},
    ...(index === 0 && command.length > 0 ? { command } : {}),
    ...(flags.has('port') && index === 0 ? { ports: [{ containerPort: Number(flags.get('port')) }] } : {}),
  }));
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: meta(kubectl, name, labels),
    spec: {
      replicas: flags.has('replicas') ? Number(flags.get('replicas')) : 1,
      selector: { matchLabels: labels },
      strategy: {},
      template: { metadata: { labels }, spec: { containers } },
    },
    status: {},
  };
}

function service(kubectl: Kubectl, type: string, name: string): KubeObject {
  const { flags } = kubectl;
  const labels = { app: name };
  if (type === 'ExternalName') {
    if (!flags.has('external-name')) throw new KubectlError('error: required flag(s) "external-name" not set');
    return {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: meta(kubectl, name, labels),
      spec: { type, externalName: flags.get('external-name'), selector: labels },
      status: { loadBalancer: {} },
    };
  }
  const ports = flags
    .all('tcp')
    .flatMap((value) => value.split(','))
    .map(parsePortSpec);
  const headless = flags.get('clusterip') === 'None';
  if (ports.length === 0 && !headless) throw new KubectlError('error: at least one tcp port specifier must be provided');
  const nodePort = flags.has('node-port') ? { nodePort: Number(flags.get('node-port')) } : {};
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta(kubectl, name, labels),
    spec: {
      ...(flags.has('clusterip') ? { clusterIP: flags.get('clusterip') } : {}),
      ports: ports.map((port) => ({ ...port, ...nodePort })),
      selector: labels,
      type,
    },
    status: { loadBalancer: {} },
  };
}

function ingress(kubectl: Kubectl, name: string): KubeObject {
  const { flags } = kubectl;
  const rules = flags.all('rule').map((rule) => {
    const match = /^([^/=]*)(\/[^=]*)=([^:,]+):([^,]+)(?:,.*)?$/.exec(rule);
    if (match === null)
      throw new KubectlError(`error: unable to parse rule ${rule}: rules should be in format host/path=servicename:portname/portnumber[,tls=secretname]`);
    const [, host = '', path = '', serviceName = '', port = ''] = match;
    const prefix = path.endsWith('*');
    return {
      ...(host === '' ? {} : { host }),
      http: {
        paths: [
          {
            path: prefix ? path.slice(0, -1) : path,
            pathType: prefix ? 'Prefix' : 'Exact',
            backend: { service: { name: serviceName, port: /^\d+$/.test(port) ? { number: Number(port) } : { name: port } } },
          },
        ],
      },
    };
  });
  if (rules.length === 0 && !flags.has('default-backend'))
    throw new KubectlError(
      'error: not enough information provided: every ingress has to either specify a default-backend (which catches all traffic) or a list of rules (which catch specific paths)',
    );
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: meta(kubectl, name),
    spec: { ...(flags.has('class') ? { ingressClassName: flags.get('class') } : {}), ...(rules.length === 0 ? {} : { rules }) },
    status: { loadBalancer: {} },
  };
}

/** --from-literal and --from-file. */
function literals(kubectl: Kubectl): Record<string, string> {
  const { flags, invocation } = kubectl;
  const entries: [string, string][] = [];
  for (const literal of flags.all('from-literal')) {
    const equals = literal.indexOf('=');
    if (equals <= 0) throw new KubectlError(`error: invalid literal source ${literal}, expected key=value`);
    entries.push([literal.slice(0, equals), literal.slice(equals + 1)]);
  }
  for (const source of flags.all('from-file')) {
    const equals = source.indexOf('=');
    const file = equals < 0 ? source : source.slice(equals + 1);
    const content = invocation.shell.readFile(invocation.place, resolvePath(invocation.cwd, file));
    if (content === undefined) throw new KubectlError(`error: error reading ${file}: no such file or directory`);
    entries.push([equals < 0 ? baseName(file) : source.slice(0, equals), content]);
  }
  return Object.fromEntries(entries);
}

/** Sends the object, or prints it with --dry-run. `failure` is the verb's own prefix for server errors. */
export function store(kubectl: Kubectl, object: KubeObject, failure: string | undefined, done = 'created'): Outcome {
  const { flags, invocation } = kubectl;
  const format = parseOutput(flags.get('output'), false);
  const kind: Pick<Kind, 'kind' | 'apiVersion'> = object;
  if (checkDryRun(flags)) {
    if (format.kind === 'table') kubectl.out(`${qualifiedName(kind)}/${object.metadata.name} ${done}${dryRunSuffix(flags)}\n`);
    else kubectl.out(formatObjects(format, [[kind, flags.has('namespace') ? object : withoutNamespace(object)]], true));
    return 0;
  }
  const { status: _status, ...wanted } = object;
  const result = invocation.host.api.create(wanted);
  if (!result.ok) {
    if (failure === undefined || result.reason === 'Invalid') kubectl.err(failureText(result));
    else kubectl.err(`error: ${failure}: ${result.message}\n`);
    return 1;
  }
  for (const warning of result.warnings) kubectl.err(`Warning: ${warning}\n`);
  invocation.host.settle();
  if (format.kind === 'table') kubectl.out(`${qualifiedName(kind)}/${object.metadata.name} ${done}\n`);
  else kubectl.out(formatObjects(format, [[kind, result.value]], true));
  return 0;
}

function withoutNamespace(object: KubeObject): KubeObject {
  const { namespace: _namespace, ...metadata } = object.metadata;
  return { ...object, metadata };
}
