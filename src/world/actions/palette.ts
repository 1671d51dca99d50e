/** What can be put on the canvas: a few lines of YAML each, with a name nobody has, at the end of a file of its own. */
import { appendDocument } from '../reach/text-edit.ts';
import type { World } from '../world.ts';
import type { Action, PaletteKind } from './action-views.ts';
import { freeName } from './free-name.ts';

const FILE = 'added.yaml';

const onNode = (node: string | undefined, indent: string): string => (node === undefined ? '' : `${indent}nodeName: ${node}\n`);

function deployment(name: string, replicas: number, node: string | undefined, containers: string): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
spec:
  replicas: ${replicas}
  selector:
    matchLabels:
      app: ${name}
  template:
    metadata:
      labels:
        app: ${name}
    spec:
${onNode(node, '      ')}      containers:
${containers}`;
}

const service = (name: string, app: string): string => `apiVersion: v1
kind: Service
metadata:
  name: ${name}
spec:
  selector:
    app: ${app}
  ports:
    - port: 80
`;

const NGINX = `        - name: nginx
          image: nginx
          ports:
            - containerPort: 80
`;

/** At a click or a drop: one addition. `node` is a host id, where something was dropped on a machine. */
export function additions(world: World, what: PaletteKind, node: string | undefined): readonly Action[] {
  const where = node === undefined ? 'The scheduler chooses a node.' : `It runs on ${node}, whatever the scheduler thinks.`;
  const add = (title: string, because: string, text: string): Action[] => [{ title, because, edit: appendDocument(world.files, FILE, text) }];
  switch (what) {
    case 'client': {
      const name = freeName(world, ['Pod'], 'default', 'tools');
      return add(
        `Add the pod ${name}`,
        `A box of tools: curl, dig, ping, tcpdump. ${where}`,
        `apiVersion: v1
kind: Pod
metadata:
  name: ${name}
  labels:
    app: ${name}
spec:
${onNode(node, '  ')}  containers:
    - name: netshoot
      image: nicolaka/netshoot
      command: ["sleep", "infinity"]
`,
      );
    }
    case 'web': {
      const name = freeName(world, ['Deployment', 'Service'], 'default', 'site');
      return add(`Add the Deployment ${name}`, `Two web servers. ${where}`, deployment(name, 2, node, NGINX));
    }
    case 'service': {
      const name = freeName(world, ['Deployment', 'Service'], 'default', 'shop');
      return add(
        `Add ${name} with a Service`,
        `Two web servers behind one stable address. ${where}`,
        `${deployment(name, 2, node, NGINX)}---\n${service(name, name)}`,
      );
    }
  }
}
