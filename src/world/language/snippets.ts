/** Objects to start from, with tab stops: what people write for a kind, or, for kinds nobody has a habit for, what its schema requires. */
import type { Kind, Schema } from '../../objects/types.ts';

const template = (indent: number, extra = ''): string =>
  [
    'template:',
    '  metadata:',
    '    labels:',
    '      app: «1:web»',
    '  spec:',
    '    containers:',
    '    - name: «2:nginx»',
    '      image: «3:nginx»',
    ...(extra === '' ? [] : [extra]),
  ]
    .map((line) => ' '.repeat(indent) + line)
    .join('\n');
const port = '      ports:\n      - containerPort: «4:80»'.replace('\n', '\n  ');
const workload = (more = '') => `spec:\n${more}  selector:\n    matchLabels:\n      app: «1:web»\n${template(2, port)}`;

/** What follows `metadata.name`; tab stops stand in «». */
const bodies: Readonly<Record<string, string>> = {
  Pod: '  labels:\n    app: «1:web»\nspec:\n  containers:\n  - name: «2:nginx»\n    image: «3:nginx»\n    ports:\n    - containerPort: «4:80»',
  Deployment: workload('  replicas: «5:2»\n'),
  ReplicaSet: workload('  replicas: «5:2»\n'),
  DaemonSet: workload(),
  StatefulSet: workload('  serviceName: «1:web»\n  replicas: «5:2»\n'),
  Service: 'spec:\n  selector:\n    app: «1:web»\n  ports:\n  - name: «2:http»\n    port: «3:80»\n    targetPort: «4:80»',
  Ingress:
    'spec:\n  rules:\n  - host: «2:web.example.com»\n    http:\n      paths:\n      - path: «3:/»\n        pathType: Prefix\n        backend:\n          service:\n            name: «1:web»\n            port:\n              number: «4:80»',
  NetworkPolicy:
    'spec:\n  podSelector:\n    matchLabels:\n      app: «2:web»\n  policyTypes:\n  - Ingress\n  ingress:\n  - from:\n    - podSelector:\n        matchLabels:\n          app: «3:client»\n    ports:\n    - protocol: TCP\n      port: «4:80»',
  ConfigMap: 'data:\n  «2:key»: «3:value»',
  Secret: 'type: Opaque\nstringData:\n  «2:key»: «3:value»',
  Job: `spec:\n${template(2, '    restartPolicy: Never').replace('      labels:\n        app: «1:web»\n', '      labels:\n        app: «1:web»\n')}`,
  CronJob: `spec:\n  schedule: "«4:*/5 * * * *»"\n  jobTemplate:\n    spec:\n${template(6, '    restartPolicy: Never')}`,
  PodDisruptionBudget: 'spec:\n  minAvailable: «2:1»\n  selector:\n    matchLabels:\n      app: «1:web»',
  HorizontalPodAutoscaler:
    'spec:\n  scaleTargetRef:\n    apiVersion: apps/v1\n    kind: Deployment\n    name: «1:web»\n  minReplicas: «2:1»\n  maxReplicas: «3:5»\n  metrics:\n  - type: Resource\n    resource:\n      name: cpu\n      target:\n        type: Utilization\n        averageUtilization: «4:80»',
  PersistentVolumeClaim: 'spec:\n  accessModes:\n  - ReadWriteOnce\n  resources:\n    requests:\n      storage: «2:1Gi»',
  Gateway: 'spec:\n  gatewayClassName: «2:example»\n  listeners:\n  - name: «3:http»\n    protocol: HTTP\n    port: «4:80»',
  HTTPRoute: 'spec:\n  parentRefs:\n  - name: «2:gateway»\n  rules:\n  - backendRefs:\n    - name: «1:web»\n      port: «4:80»',
};

const MAX_DEPTH = 5;

/** Required fields of a schema, each with a tab stop. */
function required(schema: Schema, indent: string, depth: number, next: { stop: number }): string {
  const lines: string[] = [];
  if (depth > MAX_DEPTH) return '';
  for (const name of schema.required ?? []) {
    const property = schema.properties?.[name];
    if (property === undefined || name === 'metadata') continue;
    const stop = () => {
      next.stop += 1;
      return next.stop;
    };
    if (property.type === 'object' && property.properties !== undefined) {
      const inner = required(property, `${indent}  `, depth + 1, next);
      lines.push(inner === '' ? `${indent}${name}: {}` : `${indent}${name}:\n${inner}`);
    } else if (property.type === 'array') {
      const item = property.items;
      const inner = item?.properties === undefined ? '' : required(item, `${indent}  `, depth + 1, next);
      lines.push(`${indent}${name}:\n${indent}- ${inner === '' ? `\${${stop()}}` : inner.trimStart()}`);
    } else {
      const word = property.enum?.[0] ?? property.default ?? (property.type === 'integer' ? (property.minimum ?? 1) : property.type === 'boolean' ? false : '');
      lines.push(`${indent}${name}: \${${stop()}${word === '' ? '' : `:${String(word)}`}}`);
    }
  }
  return lines.join('\n');
}

/** The whole object as a snippet. */
export function snippetFor(kind: Kind): string {
  const name = kind.namespaced ? 'web' : kind.singular;
  const head = `apiVersion: ${kind.apiVersion}\nkind: ${kind.kind}\nmetadata:\n  name: \${1:${name}}\n`;
  const body = Object.hasOwn(bodies, kind.kind) ? (bodies[kind.kind] ?? '').replace(/«([^»]*)»/g, '$${$1}') : required(kind.schema, '', 0, { stop: 1 });
  return `${head}${body}${body === '' ? '' : '\n'}`;
}
