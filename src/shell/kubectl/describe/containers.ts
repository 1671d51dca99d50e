/** Containers, volumes and tolerations of a pod or a pod template. Kubernetes: kubectl/pkg/describe/describe.go */
import type { KubeObject } from '../../../objects/types.ts';
import { at, list, number, pairs, text } from '../../json.ts';
import { annotations, labels, timeOr } from './common.ts';
import { parseQuantity } from './quantity.ts';
import { volumeLines } from './volumes.ts';
import type { PrefixWriter } from './writer.ts';

/** `space` is '' in a pod and two blanks in a template, which has no statuses; `pod` is whose fields variables may name. */
export function describeContainers(
  writer: PrefixWriter,
  title: string,
  containers: readonly unknown[],
  statuses: readonly unknown[],
  space: string,
  pod?: KubeObject,
): void {
  writer.write(0, containers.length === 0 ? `${space}${title}: <none>\n` : `${space}${title}:\n`);
  for (const container of containers) {
    const name = text(at(container, 'name'));
    const status = statuses.find((candidate) => text(at(candidate, 'name')) === name);
    basics(writer, container, status, space);
    for (const field of ['command', 'args'] as const) {
      const words = list(at(container, field)).map(text);
      if (words.length === 0) continue;
      writer.write(2, `${field === 'command' ? 'Command' : 'Args'}:\n`);
      for (const word of words) for (const line of word.split('\n')) writer.write(3, `${line}\n`);
    }
    if (status !== undefined) {
      describeState(writer, 'State', at(status, 'state'));
      if (at(status, 'lastState', 'terminated') !== undefined) describeState(writer, 'Last State', at(status, 'lastState'));
      writer.write(2, `Ready:\t${at(status, 'ready') === true ? 'True' : 'False'}\n`);
      writer.write(2, `Restart Count:\t${number(at(status, 'restartCount'))}\n`);
    }
    resources(writer, at(container, 'resources'), 2);
    for (const [probeTitle, field] of [
      ['Liveness', 'livenessProbe'],
      ['Readiness', 'readinessProbe'],
      ['Startup', 'startupProbe'],
    ] as const) {
      const probe = at(container, field);
      if (probe !== undefined) writer.write(2, `${probeTitle}:\t${formatProbe(probe)}\n`);
    }
    environment(writer, container, pod);
    mounts(writer, container);
  }
}

/** `8080/TCP (http), 9090/TCP`. */
export function formatPorts(container: unknown, field: 'containerPort' | 'hostPort'): string {
  return list(at(container, 'ports'))
    .map((port) => `${number(at(port, field))}/${text(at(port, 'protocol')) || 'TCP'}${text(at(port, 'name')) === '' ? '' : ` (${text(at(port, 'name'))})`}`)
    .join(', ');
}

function basics(writer: PrefixWriter, container: unknown, status: unknown, space: string): void {
  writer.write(1, `${space === '' ? '' : ' '}${text(at(container, 'name'))}:\n`);
  if (status !== undefined) writer.write(2, `Container ID:\t${text(at(status, 'containerID'))}\n`);
  writer.write(2, `Image:\t${text(at(container, 'image'))}\n`);
  if (status !== undefined) writer.write(2, `Image ID:\t${text(at(status, 'imageID'))}\n`);
  const ports = formatPorts(container, 'containerPort');
  writer.write(2, ports.includes(',') ? `Ports:\t${ports}\n` : `Port:\t${ports || '<none>'}\n`);
  const hostPorts = formatPorts(container, 'hostPort');
  writer.write(2, hostPorts.includes(',') ? `Host Ports:\t${hostPorts}\n` : `Host Port:\t${hostPorts || '<none>'}\n`);
  const seccomp = at(container, 'securityContext', 'seccompProfile');
  if (seccomp === undefined) return;
  writer.write(2, `SeccompProfile:\t${text(at(seccomp, 'type'))}\n`);
  if (at(seccomp, 'type') === 'Localhost') writer.write(3, `LocalhostProfile:\t${text(at(seccomp, 'localhostProfile'))}\n`);
}

function describeState(writer: PrefixWriter, title: string, state: unknown): void {
  const running = at(state, 'running');
  const terminated = at(state, 'terminated');
  if (running !== undefined) {
    writer.write(2, `${title}:\tRunning\n`);
    writer.write(3, `Started:\t${timeOr(at(running, 'startedAt'), 'Mon, 01 Jan 0001 00:00:00 +0000')}\n`);
    return;
  }
  if (terminated !== undefined) {
    writer.write(2, `${title}:\tTerminated\n`);
    for (const [field, label] of [
      ['reason', 'Reason'],
      ['message', 'Message'],
    ] as const)
      if (text(at(terminated, field)) !== '') writer.write(3, `${label}:\t${text(at(terminated, field))}\n`);
    writer.write(3, `Exit Code:\t${number(at(terminated, 'exitCode'))}\n`);
    if (number(at(terminated, 'signal')) > 0) writer.write(3, `Signal:\t${number(at(terminated, 'signal'))}\n`);
    writer.write(3, `Started:\t${timeOr(at(terminated, 'startedAt'), 'Mon, 01 Jan 0001 00:00:00 +0000')}\n`);
    writer.write(3, `Finished:\t${timeOr(at(terminated, 'finishedAt'), 'Mon, 01 Jan 0001 00:00:00 +0000')}\n`);
    return;
  }
  writer.write(2, `${title}:\tWaiting\n`);
  const reason = text(at(state, 'waiting', 'reason'));
  if (reason !== '') writer.write(3, `Reason:\t${reason}\n`);
}

export function resources(writer: PrefixWriter, value: unknown, level: number): void {
  for (const [field, title] of [
    ['limits', 'Limits'],
    ['requests', 'Requests'],
  ] as const) {
    const entries = pairs(at(value, field));
    if (entries.length === 0) continue;
    writer.write(level, `${title}:\n`);
    for (const [name, quantity] of entries) writer.write(level + 1, `${name}:\t${quantity}\n`);
  }
}

export function formatProbe(probe: unknown): string {
  const attributes = `delay=${number(at(probe, 'initialDelaySeconds'))}s timeout=${number(at(probe, 'timeoutSeconds'), 1)}s period=${number(at(probe, 'periodSeconds'), 10)}s #success=${number(at(probe, 'successThreshold'), 1)} #failure=${number(at(probe, 'failureThreshold'), 3)}`;
  const command = at(probe, 'exec', 'command');
  if (command !== undefined) return `exec [${list(command).map(text).join(' ')}] ${attributes}`;
  const http = at(probe, 'httpGet');
  if (http !== undefined)
    return `http-get ${(text(at(http, 'scheme')) || 'HTTP').toLowerCase()}://${text(at(http, 'host'))}:${text(at(http, 'port'))}${text(at(http, 'path')) || ''} ${attributes}`;
  const tcp = at(probe, 'tcpSocket');
  if (tcp !== undefined) return `tcp-socket ${text(at(tcp, 'host'))}:${text(at(tcp, 'port'))} ${attributes}`;
  const grpc = at(probe, 'grpc');
  if (grpc !== undefined) return `grpc <pod>:${number(at(grpc, 'port'))} ${text(at(grpc, 'service'))} ${attributes}`;
  return `unknown ${attributes}`;
}

/** What kubectl itself reads of a pod's fields: its metadata, nothing else. Kubernetes: kubectl/pkg/util/fieldpath */
function fieldValue(pod: KubeObject | undefined, path: string): string {
  const subscript = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path);
  if (subscript !== null) return text(at(pod, 'metadata', subscript[1] ?? '', subscript[2] ?? ''));
  if (path === 'metadata.labels' || path === 'metadata.annotations')
    return pairs(at(pod, ...path.split('.')))
      .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
      .join('\n');
  return /^metadata\.(?:name|namespace|uid)$/.test(path) ? text(at(pod, ...path.split('.'))) : '';
}

/** `limits.cpu` of a container in units of the divisor, rounded up. */
function resourceValue(container: unknown, reference: unknown): string {
  const [side = '', ...name] = text(at(reference, 'resource')).split('.');
  const amount = parseQuantity(text(at(container, 'resources', side, name.join('.'))));
  const unit = parseQuantity(text(at(reference, 'divisor'))) || 1;
  const value = Math.ceil(amount / unit);
  return value === 0 && side === 'limits' && ['cpu', 'memory'].includes(name.join('.')) ? 'node allocatable' : String(value);
}

function environment(writer: PrefixWriter, container: unknown, pod: KubeObject | undefined): void {
  const from = list(at(container, 'envFrom'));
  if (from.length > 0) writer.write(2, 'Environment Variables from:\n');
  for (const source of from) {
    const isMap = at(source, 'configMapRef') !== undefined;
    const reference = at(source, isMap ? 'configMapRef' : 'secretRef');
    const prefix = text(at(source, 'prefix'));
    writer.write(
      3,
      `${text(at(reference, 'name'))}\t${isMap ? 'ConfigMap' : 'Secret'}${prefix === '' ? '' : ` with prefix '${prefix}'`}\tOptional: ${at(reference, 'optional') === true}\n`,
    );
  }
  const variables = list(at(container, 'env'));
  writer.write(2, `Environment:${variables.length === 0 ? '\t<none>' : ''}\n`);
  for (const variable of variables) {
    const name = text(at(variable, 'name'));
    const field = at(variable, 'valueFrom', 'fieldRef');
    const resource = at(variable, 'valueFrom', 'resourceFieldRef');
    const secret = at(variable, 'valueFrom', 'secretKeyRef');
    const map = at(variable, 'valueFrom', 'configMapKeyRef');
    if (field !== undefined)
      writer.write(
        3,
        `${name}:\t${fieldValue(pod, text(at(field, 'fieldPath')))} (${text(at(field, 'apiVersion')) || 'v1'}:${text(at(field, 'fieldPath'))})\n`,
      );
    else if (resource !== undefined) writer.write(3, `${name}:\t${resourceValue(container, resource)} (${text(at(resource, 'resource'))})\n`);
    else if (secret !== undefined)
      writer.write(
        3,
        `${name}:\t<set to the key '${text(at(secret, 'key'))}' in secret '${text(at(secret, 'name'))}'>\tOptional: ${at(secret, 'optional') === true}\n`,
      );
    else if (map !== undefined)
      writer.write(
        3,
        `${name}:\t<set to the key '${text(at(map, 'key'))}' of config map '${text(at(map, 'name'))}'>\tOptional: ${at(map, 'optional') === true}\n`,
      );
    else for (const [index, line] of text(at(variable, 'value')).split('\n').entries()) writer.write(3, index === 0 ? `${name}:\t${line}\n` : `\t${line}\n`);
  }
}

function mounts(writer: PrefixWriter, container: unknown): void {
  const volumeMounts = list(at(container, 'volumeMounts')).toSorted((a, b) => (text(at(a, 'mountPath')) < text(at(b, 'mountPath')) ? -1 : 1));
  writer.write(2, `Mounts:${volumeMounts.length === 0 ? '\t<none>' : ''}\n`);
  for (const mount of volumeMounts) {
    const flags = [at(mount, 'readOnly') === true ? 'ro' : 'rw'];
    if (text(at(mount, 'subPath')) !== '') flags.push(`path="${text(at(mount, 'subPath'))}"`);
    writer.write(3, `${text(at(mount, 'mountPath'))} from ${text(at(mount, 'name'))} (${flags.join(',')})\n`);
  }
  const devices = list(at(container, 'volumeDevices'));
  if (devices.length === 0) return;
  writer.write(2, 'Devices:\n');
  for (const device of devices.toSorted((a, b) => (text(at(a, 'devicePath')) < text(at(b, 'devicePath')) ? -1 : 1)))
    writer.write(3, `${text(at(device, 'devicePath'))} from ${text(at(device, 'name'))}\n`);
}

export function describeVolumes(writer: PrefixWriter, volumes: readonly unknown[], space: string): void {
  if (volumes.length === 0) {
    writer.write(0, `${space}Volumes:\t<none>\n`);
    return;
  }
  writer.write(0, `${space}Volumes:\n`);
  for (const volume of volumes) {
    writer.write(1, `${space === '' ? '' : ' '}${text(at(volume, 'name'))}:\n`);
    for (const line of volumeLines(volume, 'pod')) writer.write(2, `${line}\n`);
  }
}

export function tolerations(writer: PrefixWriter, title: string, value: unknown): void {
  const entries = list(value).toSorted((a, b) => (text(at(a, 'key')) < text(at(b, 'key')) ? -1 : text(at(a, 'key')) > text(at(b, 'key')) ? 1 : 0));
  writer.write(0, `${title}:\t`);
  if (entries.length === 0) writer.write(0, '<none>\n');
  for (const [index, toleration] of entries.entries()) {
    const [key, content, effect] = ['key', 'value', 'effect'].map((field) => text(at(toleration, field)));
    let line = `${key}${content === '' ? '' : `=${content}`}${effect === '' ? '' : `:${effect}`}`;
    if (text(at(toleration, 'operator')) === 'Exists' && content === '') line += line === '' ? 'op=Exists' : ' op=Exists';
    const seconds = at(toleration, 'tolerationSeconds');
    if (typeof seconds === 'number') line += ` for ${seconds}s`;
    writer.write(0, `${index === 0 ? '' : '\t'}${line}\n`);
  }
}

export function describeTemplate(writer: PrefixWriter, level: number, template: unknown): void {
  writer.write(level, 'Pod Template:\n');
  if (template === undefined) {
    writer.write(level + 1, '<unset>');
    return;
  }
  labels(writer, '  Labels', at(template, 'metadata', 'labels'));
  if (pairs(at(template, 'metadata', 'annotations')).length > 0) annotations(writer, '  Annotations', at(template, 'metadata', 'annotations'));
  const account = text(at(template, 'spec', 'serviceAccountName'));
  if (account !== '') writer.write(level, `  Service Account:\t${account}\n`);
  const initial = list(at(template, 'spec', 'initContainers'));
  if (initial.length > 0) describeContainers(writer, 'Init Containers', initial, [], '  ');
  describeContainers(writer, 'Containers', list(at(template, 'spec', 'containers')), [], '  ');
  describeVolumes(writer, list(at(template, 'spec', 'volumes')), '  ');
  const priority = text(at(template, 'spec', 'priorityClassName'));
  if (priority !== '') writer.write(level, `  Priority Class Name:\t${priority}\n`);
  labels(writer, '  Node-Selectors', at(template, 'spec', 'nodeSelector'));
  tolerations(writer, '  Tolerations', at(template, 'spec', 'tolerations'));
}
