/** The gallery: one of each box, wire and packet of real worlds, as text with token names and the colours of both themes. `npx vitest run -u src/ui/canvas/gallery.test.ts` writes it anew after a change that was meant. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { articleFiles, openArticle, runLine } from '../../world/testing/article.ts';
import type { HopView } from '../../world/views.ts';
import type { World } from '../../world/world.ts';
import { type Palette, palettes } from '../theme/palette.ts';
import { PodGroups } from './group/grouping.ts';
import { buildScene } from './layout.ts';
import type { Item, Wire } from './scene.ts';
import type { Paint, Shape } from './shape.ts';
import { galleryPage } from './testing/gallery-page.ts';
import { type SeenWorld, specimens } from './testing/specimens.ts';

const GALLERY_FOLDER = new URL('../../../.cache/', import.meta.url);

const states = `
apiVersion: v1
kind: Pod
metadata: {name: crash}
spec: {nodeName: controlplane, containers: [{name: c, image: busybox, command: [sh, -c, exit 1]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: unready, annotations: {kubehop.dev/impair: eth0 delay 50ms loss 20%}}
spec:
  nodeName: controlplane
  containers:
    - {name: web, image: nginx, readinessProbe: {httpGet: {path: /, port: 81}}}
    - {name: side, image: nicolaka/netshoot, command: [sleep, infinity]}
---
apiVersion: v1
kind: Pod
metadata: {name: leaving}
spec: {nodeName: controlplane, terminationGracePeriodSeconds: 300, containers: [{name: c, image: busybox, command: [sleep, infinity]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: starting}
spec:
  nodeName: controlplane
  initContainers: [{name: wait, image: busybox, command: [sleep, "86400"]}]
  containers: [{name: c, image: busybox, command: [sleep, infinity]}]
---
apiVersion: v1
kind: Service
metadata: {name: front}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: door}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, nodePort: 30080}]}
---
apiVersion: v1
kind: Service
metadata: {name: nobody}
spec: {selector: {app: nobody}, ports: [{port: 80}, {port: 443, name: tls}]}
---
apiVersion: v1
kind: Service
metadata: {name: headless}
spec: {clusterIP: None, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: kubehop.dev/v1alpha1
kind: Host
metadata: {name: partner}
spec: {ip: 192.0.2.7}
`;

const examples = new URL('../../content/examples/', import.meta.url);
const exampleFiles = (name: string) =>
  readdirSync(new URL(`${name}/`, examples))
    .filter((path) => path.endsWith('.yaml'))
    .map((path) => ({ path, text: readFileSync(new URL(`${name}/${path}`, examples), 'utf8') }));

const hopsOf = (world: World, from = 0): readonly HopView[] => world.hops(from, world.headSeq);

/** Pod states, kinds of Services, a host outside; then a node whose kubelet is silent. */
function stateWorlds(): readonly SeenWorld[] {
  const world = openArticle({ files: [...articleFiles(), { path: 'states.yaml', text: states }] });
  const from = world.headSeq;
  runLine(world, 'kubectl exec client -- curl -s web-service');
  // Nobody listens there, no such name, and no route.
  runLine(world, 'kubectl exec client -- curl -s -m 2 web-service:81');
  runLine(world, 'kubectl exec client -- ping -c 1 -W 1 10.244.1.2');
  runLine(world, 'kubectl exec client -- ping -c 1 -W 1 -M do -s 1472 10.244.1.2');
  runLine(world, 'ip route add unreachable 203.0.113.0/24');
  runLine(world, 'ping -c 1 -W 1 203.0.113.1');
  const hops = hopsOf(world, from);
  world.elapse(30_000);
  runLine(world, 'kubectl delete pod leaving --wait=false');
  const before = buildScene(world.topology(), { density: 'full', direction: 'row' });
  runLine(world, 'ip link set eth0 down', 'main');
  runLine(world, 'ssh node01 systemctl stop kubelet');
  world.elapse(60_000);
  return [
    { scene: before, hops },
    // Grouped by namespace, one of them folded.
    {
      scene: buildScene(world.topology(), {
        density: 'full',
        direction: 'row',
        arrangement: new PodGroups({ by: 'namespace', key: '', folded: ['kube-system'] }),
      }),
      hops: [],
    },
    { scene: buildScene(world.topology(), { density: 'compact', direction: 'column' }), hops: [] },
  ];
}

function exampleWorld(name: string, line: string): SeenWorld {
  const world = openArticle({ files: exampleFiles(name) });
  runLine(world, line);
  return { scene: buildScene(world.topology(), { density: 'full', direction: 'row' }), hops: hopsOf(world) };
}

const n = (value: number) => String(Math.round(value * 10) / 10);
const paint = (value: Paint) => (typeof value === 'string' ? value : `${value.part}·${value.token}+${value.over}`);

function describeShape(shape: Shape, indent: string): string[] {
  if (shape.type === 'group') return shape.children.flatMap((child) => describeShape(child, indent));
  if (shape.type === 'text') {
    const { size, weight = 400, mono, fill, anchor = 'start', lod, halo, centred } = shape;
    const style = [
      `${n(size)}px`,
      weight,
      mono === true ? 'mono' : 'sans',
      paint(fill),
      anchor,
      `lod ${lod}`,
      halo === undefined ? '' : `halo ${halo}`,
      centred === true ? 'centred' : '',
    ];
    return [`${indent}text ${n(shape.x)},${n(shape.y)} ${JSON.stringify(shape.text)} ${style.filter((one) => one !== '').join(' ')}`];
  }
  const place =
    shape.type === 'rect'
      ? `${n(shape.x)},${n(shape.y)} ${n(shape.w)}×${n(shape.h)} r${n(shape.r)}`
      : shape.type === 'circle'
        ? `${n(shape.x)},${n(shape.y)} r${n(shape.r)}`
        : shape.d.replace(/-?\d+\.\d+/g, (value) => n(Number(value)));
  const style = [
    shape.fill === undefined ? '' : `fill ${paint(shape.fill)}`,
    shape.stroke === undefined ? '' : `stroke ${paint(shape.stroke)} ${n(shape.width ?? 1.2)}`,
    'dash' in shape && shape.dash !== undefined ? `dash ${shape.dash}` : '',
    'opacity' in shape && shape.opacity !== undefined ? `opacity ${shape.opacity}` : '',
  ];
  return [`${indent}${shape.type} ${place} ${style.filter((one) => one !== '').join(', ')}`];
}

describe('the gallery', () => {
  const all = specimens([
    ...stateWorlds(),
    exampleWorld('cilium-policy-drop', 'kubectl get pods'),
    exampleWorld('three-tiers', 'kubectl get pods'),
    exampleWorld('two-clusters', 'kubectl get pods'),
  ]);
  // A page to look at; e2e/pictures.spec.ts takes its pictures.
  mkdirSync(GALLERY_FOLDER, { recursive: true });
  writeFileSync(new URL('gallery.html', GALLERY_FOLDER), galleryPage(all));

  it('looks as it was last looked at', async () => {
    const tokens = (Object.keys(palettes.light) as (keyof Palette)[]).map(
      (name) => `  ${name.padEnd(8)} light ${palettes.light[name]}  dark ${palettes.dark[name]}`,
    );
    const parts = all.map(({ group, look, shapes }) => [`${group}: ${look}`, ...shapes.flatMap((shape) => describeShape(shape, '  '))].join('\n'));
    await expect(`${['tokens', ...tokens].join('\n')}\n\n${parts.join('\n\n')}\n`).toMatchFileSnapshot('./testing/gallery.txt');
  });

  it('has every kind of box and wire that there is', () => {
    const looks = all.map(({ group, look }) => `${group}: ${look}`);
    const boxes: Readonly<Record<Item['kind'], RegExp>> = {
      room: /^box: host/,
      pod: /^box: pod/,
      bar: /^box: bridge/,
      chip: /^box: device/,
      kernel: /^box: kernel/,
      pill: /^box: hook/,
      service: /^box: Service/,
      outside: /^box: outside/,
      fold: /^box: boxes folded/,
      frame: /^box: cluster/,
    };
    const wires: Readonly<Record<Wire['kind'], RegExp>> = { veth: /veth/, inner: /inner/, uplink: /uplink/, tunnel: /tunnel/, 'service-line': /service-line/ };
    for (const [kind, pattern] of Object.entries(boxes))
      expect(
        looks.some((look) => pattern.test(look)),
        kind,
      ).toBe(true);
    for (const [kind, pattern] of Object.entries(wires))
      expect(
        looks.some((look) => look.startsWith('wire') && pattern.test(look)),
        kind,
      ).toBe(true);
    for (const state of ['Running', 'CrashLoopBackOff', 'Terminating', 'Init:0/1', 'not ready', 'restarted', '2 app containers'])
      expect(looks.join('\n')).toContain(state);
    for (const packet of ['dropped', 'in a tunnel', 'reply', 'l2', 'l3', 'l4', 'l7'])
      expect(looks.filter((look) => look.startsWith('packet')).join('\n')).toContain(packet);
  });
});
