import { describe, expect, it } from 'vitest';
import { articleFiles, openArticle, runLine } from '../testing/article.ts';
import type { World } from '../world.ts';
import type { Action, ActionQuestion } from './action-views.ts';
import { actionsFor } from './actions.ts';

const world = openArticle({ files: articleFiles() });
const titled = (of: World, question: ActionQuestion, pattern: RegExp): Action => {
  const found = actionsFor(of, question).find((one) => pattern.test(one.title));
  if (found === undefined) throw new Error(`${pattern} is not among ${actionsFor(of, question).map((one) => one.title)}`);
  return found;
};
const box = (key: string): ActionQuestion => ({ kind: 'box', target: { kind: 'object', key } });
const web = () => world.topology().netnses.find((one) => one.title.startsWith('web-'))?.id ?? '';
const client = () => world.topology().netnses.find((one) => one.title === 'client')?.id ?? '';
/** Every line that is not in the text before. */
const added = ({ edit }: Action): string[] => {
  const old = new Set(edit?.before?.split('\n'));
  return (edit?.after ?? '').split('\n').filter((line) => !old.has(line));
};

describe('what can be done on the canvas', () => {
  it('is the smallest change of the text that stands behind a box', () => {
    expect(added(titled(world, box('Service/default/web-service'), /a NodePort/))).toEqual(['  type: NodePort']);
    expect(added(titled(world, box('Service/default/web-service'), /at one endpoint/))).toEqual(['  sessionAffinity: ClientIP']);
    expect(added(titled(world, { kind: 'box', target: { kind: 'netns', id: web() } }, /One more of web/))).toEqual(['  replicas: 4']);
    expect(added(titled(world, box('Node/node01'), /Stop kube-proxy/))).toEqual(['  annotations: {kubehop.dev/stopped: kube-proxy}']);
  });

  it('is a line for the terminal where no text says it, with the line that takes it back', () => {
    const cut = titled(world, { kind: 'box', target: { kind: 'device', id: 'node01/netns/root/device/cni0' } }, /^Cut cni0/);
    expect(cut.commands?.[0]).toMatchObject({ host: 'node01', line: 'ip link set cni0 down' });
    expect(cut.undo?.[0]?.line).toMatch(/up$/);
    expect(titled(world, { kind: 'box', target: { kind: 'netns', id: web() } }, /^Delete/).commands?.[0]?.line).toMatch(/^kubectl delete pod web-/);
  });

  it('cuts and mends a node’s cable and a pod’s wire in the text, and cordons there', () => {
    expect(added(titled(world, box('Node/node01'), /^Cordon/))).toEqual(['  unschedulable: true']);
    expect(added(titled(world, { kind: 'box', target: { kind: 'device', id: `${client()}/device/eth0` } }, /^Cut the wire of/))).toEqual([
      expect.stringContaining('kubehop.dev/down: eth0'),
    ]);
    const other = openArticle({ files: articleFiles() });
    const apply = ({ edit }: Action) => other.edit(edit?.file ?? '', edit?.after ?? '').applied;
    const reaches = () => other.command('main', 'kubectl exec client -- curl -s -m 2 web-service') === 0;
    const cable: ActionQuestion = { kind: 'box', target: { kind: 'device', id: 'node01/netns/root/device/eth0' } };
    for (const question of [cable, { kind: 'box', target: { kind: 'device', id: `${client()}/device/eth0` } } as const]) {
      expect(apply(titled(other, question, /^Cut/))).toBe(true);
      expect(reaches()).toBe(false);
      expect(apply(titled(other, question, /^Mend/))).toBe(true);
      expect(reaches()).toBe(true);
    }
  });

  it('makes wires slow and lossy in the text, those of a Deployment’s pods in their node’s, and says what cannot be read', () => {
    const other = openArticle({ files: articleFiles() });
    const wire = (netns: string): ActionQuestion => ({ kind: 'box', target: { kind: 'device', id: `${netns}/device/eth0` } });
    const pod =
      web()
        .split('/netns/')[1]
        ?.replace(/\.default$/, '') ?? '';
    const apply = (question: ActionQuestion, pattern: RegExp) => {
      const { edit } = titled(other, question, pattern);
      expect(other.edit(edit?.file ?? '', edit?.after ?? '').applied, `${pattern}`).toBe(true);
      return added({ title: '', because: '', ...(edit === undefined ? {} : { edit }) });
    };
    const ping = () =>
      /time=([\d.]+) ms/.exec(runLine(other, `kubectl exec client -- ping -c 1 ${other.topology().netnses.find((one) => one.id === web())?.ip}`).output)?.[1];
    expect(Number(ping())).toBeLessThan(1);
    expect(apply(wire(client()), /slow$/)).toEqual([expect.stringContaining('kubehop.dev/impair: "eth0 delay 50ms"')]);
    expect(runLine(other, 'kubectl exec client -- tc qdisc show dev eth0').output).toMatch(/^qdisc netem 8001: root refcnt \d+ limit 1000 delay 50ms/m);
    expect(Number(ping())).toBeCloseTo(50, 0);
    expect(other.topology().devices.find((one) => one.id === `${client()}/device/eth0`)?.impaired).toBe('delay 50ms');
    expect(apply(wire(web()), /slow$/)).toEqual([expect.stringContaining(`kubehop.dev/impair: "default/${pod} delay 50ms"`)]);
    expect(Number(ping())).toBeCloseTo(100, 0);
    expect(apply(wire(web()), /every fifth/)).toEqual([expect.stringContaining(`"default/${pod} delay 50ms loss 20%"`)]);
    apply(wire(web()), /good one again/);
    expect(Number(ping())).toBeCloseTo(50, 0);
    expect(apply(wire(web()), /^Cut the wire of/)).toEqual([expect.stringContaining(`kubehop.dev/down: "default/${pod}"`)]);
    expect(ping()).toBeUndefined();
    const { diagnostics } = other.edit(
      'client.yaml',
      (other.files.find((one) => one.path === 'client.yaml')?.text ?? '').replace('eth0 delay 50ms', 'eth0 loss 2% delay soon; eth1 loss 1% delay 1ms'),
    );
    expect(diagnostics.flatMap((one) => (one.code === 'impaired-wire' ? [one.message] : []))).toEqual([
      expect.stringContaining('"eth0": write for instance "delay 50ms 5ms loss 20%"'),
      expect.stringContaining('there is no wire "eth1" here'),
    ]);
  });

  it('is a policy with lasting labels, the namespace of the other side where it differs, and declared ports', () => {
    const question: ActionQuestion = { kind: 'policy', from: { pod: client() }, to: { pod: web() } };
    const lines = titled(world, question, /^Only client may reach web, at TCP 80$/).edit?.after ?? '';
    expect(lines).toContain('app: web');
    expect(lines).not.toContain('pod-template-hash');
    expect(lines).not.toContain('namespaceSelector');
    const dns = world.topology().netnses.find((one) => one.title.startsWith('coredns'))?.id ?? '';
    expect(titled(world, { kind: 'policy', from: { pod: dns }, to: { pod: web() } }, /^Only/).edit?.after).toContain(
      'kubernetes.io/metadata.name: kube-system',
    );
    expect(actionsFor(world, { kind: 'policy', from: { pod: client() }, to: { pod: 'node01/netns/root' } })).toEqual([]);
    const group = titled(world, { kind: 'policy', from: { namespace: 'kube-system' }, to: { label: 'app', value: 'web' } }, /^Only kube-system may reach web$/);
    expect(group.edit?.after).toContain('app: web');
    expect(group.edit?.after).toContain('kubernetes.io/metadata.name: kube-system');
    expect(group.edit?.after).not.toContain('k8s-app');
  });

  it('is accepted by the API server, all of it', () => {
    const questions: ActionQuestion[] = [
      ...['Node/node01', 'Node/controlplane', 'Service/default/web-service', 'Pod/default/client'].map(box),
      { kind: 'policy', from: { pod: client() }, to: { pod: web() } },
      { kind: 'policy', from: { namespace: 'default' }, to: { namespace: 'kube-system' } },
      ...(['client', 'web', 'service'] as const).flatMap((what): ActionQuestion[] => [
        { kind: 'add', what },
        { kind: 'add', what, node: 'node01' },
      ]),
    ];
    for (const question of questions) {
      for (const { edit, title } of actionsFor(world, question)) {
        if (edit === undefined) continue;
        expect(
          world.supposeTexts([{ path: edit.file, text: edit.after }], () => true),
          title,
        ).toBe(true);
      }
    }
  });

  it('goes on from what was done: stopped is started, down is mended', () => {
    const other = openArticle({ files: articleFiles() });
    runLine(other, 'ip link set flannel.1 down');
    runLine(other, 'kubectl annotate node node01 kubehop.dev/stopped=kubelet');
    expect(titled(other, { kind: 'box', target: { kind: 'device', id: 'controlplane/netns/root/device/flannel.1' } }, /^Mend/).commands?.[0]?.line).toBe(
      'ip link set flannel.1 up',
    );
    expect(titled(other, box('Node/node01'), /^Start kubelet/)).toBeDefined();
  });
});
