/** Files and variables that volumes and the kubelet bring into containers. */
import { describe, expect, it } from 'vitest';
import type { Pod } from '../../kube/pod/types.ts';
import type { EventObject } from '../../objects/events.ts';
import type { World } from '../world.ts';
import { openArticle, runLine } from './article.ts';

const config = (color: string) => `apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {color: ${color}, app.conf: "listen 80\\nname ${color}\\n"}
---
apiVersion: v1
kind: Secret
metadata: {name: login}
stringData: {user: eve, password: "pässwort"}
`;
const text = `apiVersion: v1
kind: Pod
metadata: {name: box, labels: {tier: front, app: box}, annotations: {note: hello}}
spec:
  nodeName: node01
  terminationGracePeriodSeconds: 0
  volumes:
  - {name: config, configMap: {name: settings}}
  - {name: login, secret: {secretName: login, items: [{key: user, path: names/user}]}}
  - {name: scratch, emptyDir: {}}
  - {name: info, downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}, {path: cpu, resourceFieldRef: {containerName: box, resource: limits.cpu, divisor: 1m}}]}}
  - {name: all, projected: {sources: [{configMap: {name: settings, items: [{key: color, path: c}]}}, {secret: {name: login}}]}}
  - {name: node, hostPath: {path: /etc}}
  containers:
  - name: box
    image: busybox
    command: [sleep, infinity]
    resources: {limits: {cpu: 250m, memory: 64Mi}}
    envFrom: [{configMapRef: {name: settings}, prefix: CFG_}]
    env:
    - {name: COLOR, valueFrom: {configMapKeyRef: {name: settings, key: color}}}
    - {name: PASSWORD, valueFrom: {secretKeyRef: {name: login, key: password}}}
    - {name: MISSING, valueFrom: {configMapKeyRef: {name: settings, key: none, optional: true}}}
    - {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
    - {name: MEMORY, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}
    - {name: URL, value: "http://$(IP):$(WEB_SERVICE_SERVICE_PORT)/$(NONE)/$$(IP)"}
    volumeMounts:
    - {name: config, mountPath: /etc/config}
    - {name: config, mountPath: /etc/app.conf, subPath: app.conf}
    - {name: login, mountPath: /etc/login}
    - {name: scratch, mountPath: /scratch}
    - {name: info, mountPath: /etc/podinfo}
    - {name: all, mountPath: /all}
    - {name: node, mountPath: /host/etc}
  - name: second
    image: busybox
    command: [sleep, infinity]
    volumeMounts: [{name: scratch, mountPath: /data, subPath: sub}, {name: scratch, mountPath: /whole}]
`;
function apply(world: World, yaml: string): void {
  expect(runLine(world, `kubectl apply -f - <<'X'\n${yaml}X`).stderr).toBe('');
}
function open(): World {
  const world = openArticle();
  apply(world, config('red'));
  apply(world, text);
  return world;
}
const run = (world: World, line: string, container = 'box') => runLine(world, `kubectl exec box -c ${container} -- sh -c '${line}'`).output;
const events = (world: World, name: string) =>
  world.api.view
    .list<EventObject>('Event')
    .filter((event) => event.involvedObject.name === name)
    .map((event) => `${event.reason}: ${event.message}`);

describe('volumes', () => {
  it('show ConfigMaps, Secrets, fields of the pod and files of the node as files', () => {
    const world = open();
    expect(run(world, 'cat /etc/config/color; echo; cat /etc/app.conf; ls /etc/config')).toBe('red\nlisten 80\nname red\napp.conf\ncolor\n');
    expect(run(world, 'cat /etc/login/names/user; echo; cat /all/c; echo; cat /all/password')).toBe('eve\nred\npässwort');
    expect(run(world, 'cat /etc/podinfo/labels; echo; cat /etc/podinfo/cpu')).toBe('app="box"\ntier="front"\n250');
    expect(run(world, 'cat /host/etc/hostname; cat /etc/hostname')).toBe('node01\nbox\n');
    expect(run(world, 'echo x > /etc/config/color')).toContain("can't create /etc/config/color: Read-only file system");
  });

  it('that are empty are shared by the containers of a pod, and are gone with it', () => {
    const world = open();
    run(world, 'mkdir -p /scratch/sub; echo one > /scratch/sub/f');
    expect(run(world, 'cat /data/f; echo two > /data/g; ls /whole/sub', 'second')).toBe('one\nf\ng\n');
    expect(run(world, 'cat /scratch/sub/g')).toBe('two\n');
    runLine(world, 'kubectl delete pod box');
    apply(world, text);
    expect(run(world, 'ls /scratch')).toBe('');
  });

  it('follow a changed ConfigMap within the kubelet’s sync period; environments and subPath do not', () => {
    const world = open();
    apply(world, config('blue'));
    expect(run(world, 'cat /etc/config/color; echo " $COLOR"')).toBe('red red\n');
    world.elapse(59_000);
    expect(run(world, 'cat /etc/config/color')).toBe('red');
    world.elapse(3_000);
    expect(run(world, 'cat /etc/config/color; echo " $COLOR"; cat /etc/app.conf')).toBe('blue red\nlisten 80\nname red\n');
    runLine(world, 'kubectl delete pod box');
    apply(world, text);
    expect(run(world, 'cat /etc/app.conf; echo $COLOR')).toBe('listen 80\nname blue\nblue\n');
  });

  it('whose sources are missing keep the pod from starting, in the kubelet’s words', () => {
    const world = openArticle();
    apply(world, text);
    expect(runLine(world, 'kubectl get pod box --no-headers').output).toMatch(/^box +0\/2 +ContainerCreating /);
    expect(events(world, 'box')).toEqual(
      expect.arrayContaining([
        'FailedMount: MountVolume.SetUp failed for volume "config" : configmap "settings" not found',
        'FailedMount: MountVolume.SetUp failed for volume "all" : [configmap "settings" not found, secret "login" not found]',
      ]),
    );
    apply(world, config('red'));
    expect(world.api.view.find<Pod>('Pod/default/box')?.status?.phase).toBe('Running');
  });
});

describe('the environment of a container', () => {
  it('has its own variables, those of ConfigMaps and Secrets, and those of Services', () => {
    const world = open();
    const ip = world.api.view.find<Pod>('Pod/default/box')?.status?.podIP;
    const clusterIp = runLine(world, "kubectl get svc web-service -o jsonpath='{.spec.clusterIP}'").output;
    expect(run(world, 'echo $CFG_color $COLOR $PASSWORD [$MISSING] $MEMORY $URL')).toBe(`red red pässwort [] 64 http://${ip}:80/$(NONE)/$(IP)\n`);
    expect(run(world, 'env | grep ^WEB_SERVICE_ | sort')).toBe(
      [
        `PORT=tcp://${clusterIp}:80`,
        `PORT_80_TCP=tcp://${clusterIp}:80`,
        `PORT_80_TCP_ADDR=${clusterIp}`,
        'PORT_80_TCP_PORT=80',
        'PORT_80_TCP_PROTO=tcp',
        `SERVICE_HOST=${clusterIp}`,
        'SERVICE_PORT=80',
      ]
        .map((line) => `WEB_SERVICE_${line}\n`)
        .join(''),
    );
  });
});

describe('sysctls of a pod', () => {
  const pod = (name: string, setting: string) =>
    `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}}\nspec:\n  securityContext: {sysctls: [${setting}]}\n  containers: [{name: box, image: nicolaka/netshoot, command: [sleep, infinity]}]\n`;

  it('that are safe are set in its netns', () => {
    const world = openArticle();
    apply(world, pod('tuned', '{name: net.ipv4.ip_local_port_range, value: "40000 40010"}, {name: net.ipv4.tcp_keepalive_time, value: "600"}'));
    expect(runLine(world, 'kubectl exec tuned -- sysctl net.ipv4.ip_local_port_range net.ipv4.tcp_keepalive_time').output).toBe(
      'net.ipv4.ip_local_port_range = 40000\t40010\nnet.ipv4.tcp_keepalive_time = 600\n',
    );
    expect(runLine(world, "kubectl exec tuned -- curl -s -o /dev/null -w '%{local_port}' web-service").output).toMatch(/^400(0\d|10)$/);
  });

  it('that are not are refused by the kubelet', () => {
    const world = openArticle();
    apply(world, pod('bold', '{name: net.core.somaxconn, value: "1024"}'));
    expect(runLine(world, 'kubectl get pod bold --no-headers').output).toMatch(/^bold +0\/1 +SysctlForbidden +0 /);
    expect(world.api.view.find<Pod>('Pod/default/bold')?.status).toMatchObject({
      phase: 'Failed',
      message: 'Pod was rejected: forbidden sysctl: "net.core.somaxconn" not allowlisted',
    });
    expect(events(world, 'bold')).toContain('SysctlForbidden: forbidden sysctl: "net.core.somaxconn" not allowlisted');
  });

  it('do not make a controller run away with refused pods', () => {
    const world = openArticle();
    const template = pod('bold', '{name: kernel.msgmax, value: "1"}').split('spec:\n')[1]?.replace(/^/gm, '    ');
    apply(
      world,
      `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: bold}\nspec:\n  selector: {matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: b}}\n    spec:\n${template}`.trimEnd() +
        '\n',
    );
    world.elapse(60_000);
    const failed = world.api.view.list<Pod>('Pod', 'default').filter((one) => one.status?.reason === 'SysctlForbidden').length;
    expect([failed >= 2, failed <= 5]).toEqual([true, true]);
  });
});
