/** What a pod must fulfil beyond its schema. Kubernetes: pkg/apis/core/validation/validation.go, ValidatePodSpec. */
import { deepEqual } from '../../base/equal.ts';
import type { FieldError } from '../../objects/types.ts';
import { isIp } from '../addresses.ts';
import { duplicate, forbidden, invalid, invalidEach, notFound, portRange, required } from '../field-errors.ts';
import { validateSelector } from '../label-selector.ts';
import { dnsLabelErrors, dnsSubdomainErrors, envNameErrors, portNameErrors, qualifiedNameErrors } from '../names.ts';
import { rateErrors } from './load.ts';
import { parseQuantity } from './quantity.ts';
import type { Container, EphemeralContainer, Pod, PodSpec, Toleration } from './types.ts';
import { containerHandlerErrors, subPathErrors, volumeSourceErrors } from './validate-handlers.ts';

const quantityWords = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

export function validatePodSpec(path: string, spec: PodSpec): FieldError[] {
  const errors: FieldError[] = [];
  const volumeNames = new Set<string>();
  (spec.volumes ?? []).forEach((volume, index) => {
    const at = `${path}.volumes[${index}]`;
    if (volume.name === '') errors.push(required(`${at}.name`));
    else errors.push(...invalidEach(`${at}.name`, volume.name, dnsLabelErrors(volume.name)));
    if (volumeNames.has(volume.name)) errors.push(duplicate(`${at}.name`, volume.name));
    volumeNames.add(volume.name);
    errors.push(...volumeSourceErrors(at, volume));
  });
  if (spec.containers === undefined || spec.containers.length === 0) errors.push(required(`${path}.containers`));
  const grace = spec.terminationGracePeriodSeconds ?? 30;
  const names = new Set<string>();
  const initNames = new Set((spec.initContainers ?? []).map((container) => container.name));
  (spec.containers ?? []).forEach((container, index) => {
    const at = `${path}.containers[${index}]`;
    errors.push(...validateContainer(at, container, names, volumeNames, spec.hostNetwork === true));
    errors.push(...containerHandlerErrors(at, container, false, grace));
    if (initNames.has(container.name)) errors.push(duplicate(`${at}.name`, container.name));
  });
  const seenInit = new Set<string>();
  (spec.initContainers ?? []).forEach((container, index) => {
    const at = `${path}.initContainers[${index}]`;
    errors.push(...validateContainer(at, container, seenInit, volumeNames, spec.hostNetwork === true));
    errors.push(...containerHandlerErrors(at, container, true, grace));
  });
  if (spec.dnsPolicy === 'None' && (spec.dnsConfig?.nameservers ?? []).length === 0) {
    errors.push(
      spec.dnsConfig === undefined
        ? required(`${path}.dnsConfig`, 'must provide `dnsConfig` when `dnsPolicy` is None')
        : required(`${path}.dnsConfig.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None'),
    );
  }
  const servers = spec.dnsConfig?.nameservers ?? [];
  if (servers.length > 3) errors.push(invalid(`${path}.dnsConfig.nameservers`, servers, 'must not have more than 3 nameservers'));
  servers.forEach((server, index) => {
    if (!isIp(server)) errors.push(invalid(`${path}.dnsConfig.nameservers[${index}]`, server, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'));
  });
  (spec.hostAliases ?? []).forEach((alias, index) => {
    if (!isIp(alias.ip)) errors.push(invalid(`${path}.hostAliases[${index}].ip`, alias.ip, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'));
  });
  for (const key of Object.keys(spec.nodeSelector ?? {})) {
    errors.push(...invalidEach(`${path}.nodeSelector`, key, qualifiedNameErrors(key)));
  }
  if (spec.nodeName !== undefined && spec.nodeName !== '') errors.push(...invalidEach(`${path}.nodeName`, spec.nodeName, dnsSubdomainErrors(spec.nodeName)));
  if (spec.hostname !== undefined) errors.push(...invalidEach(`${path}.hostname`, spec.hostname, dnsLabelErrors(spec.hostname)));
  if (spec.subdomain !== undefined) errors.push(...invalidEach(`${path}.subdomain`, spec.subdomain, dnsLabelErrors(spec.subdomain)));
  (spec.tolerations ?? []).forEach((toleration, index) => {
    errors.push(...validateToleration(`${path}.tolerations[${index}]`, toleration));
  });
  for (const kind of ['podAffinity', 'podAntiAffinity'] as const) {
    (spec.affinity?.[kind]?.requiredDuringSchedulingIgnoredDuringExecution ?? []).forEach((term, index) => {
      const at = `${path}.affinity.${kind}.requiredDuringSchedulingIgnoredDuringExecution[${index}]`;
      if (term.topologyKey === '') errors.push(required(`${at}.topologyKey`, 'can not be empty'));
      if (term.labelSelector !== undefined) errors.push(...validateSelector(`${at}.labelSelector`, term.labelSelector));
    });
  }
  return errors;
}

function validateContainer(path: string, container: Container, seen: Set<string>, volumes: ReadonlySet<string>, hostNetwork: boolean): FieldError[] {
  const errors: FieldError[] = [];
  if (container.name === '') errors.push(required(`${path}.name`));
  else errors.push(...invalidEach(`${path}.name`, container.name, dnsLabelErrors(container.name)));
  if (seen.has(container.name)) errors.push(duplicate(`${path}.name`, container.name));
  seen.add(container.name);
  const image = container.image ?? '';
  if (image === '') errors.push(required(`${path}.image`));
  else if (image !== image.trim()) errors.push(invalid(`${path}.image`, image, 'must not have leading or trailing whitespace'));
  const portNames = new Set<string>();
  (container.ports ?? []).forEach((port, index) => {
    const at = `${path}.ports[${index}]`;
    if (port.name !== undefined && port.name !== '') {
      const wrong = portNameErrors(port.name);
      errors.push(...invalidEach(`${at}.name`, port.name, wrong));
      if (wrong.length === 0 && portNames.has(port.name)) errors.push(duplicate(`${at}.name`, port.name));
      portNames.add(port.name);
    }
    if (port.containerPort === 0) errors.push(required(`${at}.containerPort`));
    else errors.push(...portRange(`${at}.containerPort`, port.containerPort));
    if (port.hostPort !== undefined && port.hostPort !== 0) {
      errors.push(...portRange(`${at}.hostPort`, port.hostPort));
      if (hostNetwork && port.hostPort !== port.containerPort)
        errors.push(invalid(`${at}.hostPort`, port.hostPort, 'must match `containerPort` when `hostNetwork` is true'));
    }
  });
  (container.env ?? []).forEach((variable, index) => {
    const at = `${path}.env[${index}]`;
    if (variable.name === '') errors.push(required(`${at}.name`));
    else errors.push(...invalidEach(`${at}.name`, variable.name, envNameErrors(variable.name)));
    if (variable.valueFrom !== undefined && (variable.value ?? '') !== '')
      errors.push(invalid(`${at}.valueFrom`, '', 'may not be specified when `value` is not empty'));
  });
  const mountPaths = new Set<string>();
  (container.volumeMounts ?? []).forEach((mount, index) => {
    const at = `${path}.volumeMounts[${index}]`;
    if (mount.name === '') errors.push(required(`${at}.name`));
    else if (!volumes.has(mount.name)) errors.push(notFound(`${at}.name`, mount.name));
    if (mount.mountPath === '') errors.push(required(`${at}.mountPath`));
    if (mount.subPath !== undefined) errors.push(...subPathErrors(`${at}.subPath`, mount.subPath));
    if (mountPaths.has(mount.mountPath)) errors.push(invalid(`${at}.mountPath`, mount.mountPath, 'must be unique'));
    mountPaths.add(mount.mountPath);
  });
  errors.push(...validateResources(`${path}.resources`, container));
  return errors;
}

function validateResources(path: string, container: Container): FieldError[] {
  const errors: FieldError[] = [];
  const { requests = {}, limits = {} } = container.resources ?? {};
  for (const [where, amounts] of [
    ['limits', limits],
    ['requests', requests],
  ] as const) {
    for (const [name, amount] of Object.entries(amounts)) {
      const value = parseQuantity(amount);
      if (value === undefined) errors.push(invalid(`${path}.${where}[${name}]`, amount, quantityWords));
      else if (value < 0) errors.push(invalid(`${path}.${where}[${name}]`, amount, 'must be greater than or equal to 0'));
    }
  }
  for (const [name, amount] of Object.entries(requests)) {
    const limit = limits[name];
    if (limit === undefined) continue;
    const wanted = parseQuantity(amount);
    const most = parseQuantity(limit);
    if (wanted !== undefined && most !== undefined && wanted > most)
      errors.push(invalid(`${path}.requests`, amount, `must be less than or equal to ${name} limit of ${limit}`));
  }
  return errors;
}

function validateToleration(path: string, toleration: Toleration): FieldError[] {
  const errors: FieldError[] = [];
  const key = toleration.key ?? '';
  if (key !== '') errors.push(...invalidEach(`${path}.key`, key, qualifiedNameErrors(key)));
  const operator = toleration.operator ?? 'Equal';
  if (key === '' && operator !== 'Exists')
    errors.push(invalid(`${path}.operator`, operator, 'operator must be Exists when `key` is empty, which means "match all values and all keys"'));
  if (toleration.tolerationSeconds !== undefined && toleration.effect !== 'NoExecute') {
    errors.push(invalid(`${path}.effect`, toleration.effect ?? '', "effect must be 'NoExecute' when `tolerationSeconds` is set"));
  }
  if (operator === 'Exists' && (toleration.value ?? '') !== '')
    errors.push(invalid(`${path}.operator`, toleration.value, "value must be empty when `operator` is 'Exists'"));
  return errors;
}

const updateWords =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

export function validatePod(pod: Pod, old: Pod | undefined, subresource?: string): readonly FieldError[] {
  const wrong = old?.metadata.annotations === pod.metadata.annotations ? [] : rateErrors('metadata.annotations', pod.metadata.annotations);
  if (old !== undefined && (old.spec === pod.spec || isOnlyBound(pod.spec, old.spec))) return wrong;
  const errors = [...wrong, ...validatePodSpec('spec', pod.spec)];
  if (old === undefined) return errors;
  const oldTolerations = old.spec.tolerations ?? [];
  const tolerations = pod.spec.tolerations ?? [];
  if (oldTolerations.some((one) => !tolerations.some((other) => deepEqual(one, other)))) {
    errors.push(forbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds'));
  }
  const { ephemeralContainers = [], ...spec } = frozenPart(pod.spec, old.spec);
  const { ephemeralContainers: known = [], ...before } = frozenPart(old.spec, old.spec);
  const isDebugging = subresource === 'ephemeralcontainers';
  if (!deepEqual(spec, before) || !(isDebugging || deepEqual(ephemeralContainers, known))) errors.push(forbidden('spec', updateWords));
  if (isDebugging) errors.push(...ephemeralErrors(pod.spec, ephemeralContainers, known));
  return errors;
}

/** Kubernetes: pkg/apis/core/validation/validation.go, validateEphemeralContainers and ValidatePodEphemeralContainersUpdate. */
function ephemeralErrors(spec: PodSpec, containers: readonly EphemeralContainer[], known: readonly EphemeralContainer[]): FieldError[] {
  const path = 'spec.ephemeralContainers';
  const errors: FieldError[] = [];
  const others = [...spec.containers, ...(spec.initContainers ?? [])].map(({ name }) => name);
  const seen = new Set<string>();
  const volumes = new Set((spec.volumes ?? []).map(({ name }) => name));
  containers.forEach((container, index) => {
    const at = `${path}[${index}]`;
    errors.push(...validateContainer(at, container, seen, volumes, false));
    if (others.includes(container.name)) errors.push(duplicate(`${at}.name`, container.name));
    const target = container.targetContainerName ?? '';
    if (target !== '' && !others.includes(target)) errors.push(notFound(`${at}.targetContainerName`, target));
    for (const field of ['ports', 'livenessProbe', 'readinessProbe', 'startupProbe', 'lifecycle'] as const)
      if (container[field] !== undefined) errors.push(forbidden(`${at}.${field}`, 'cannot be set for an Ephemeral Container'));
  });
  for (const one of known) {
    const now = containers.find(({ name }) => name === one.name);
    if (now === undefined) errors.push(forbidden(path, `existing ephemeral containers ${JSON.stringify(one.name)} may not be removed\n`));
    else if (!deepEqual(now, one)) errors.push(forbidden(path, `existing ephemeral containers ${JSON.stringify(one.name)} may not be changed\n`));
  }
  return errors;
}

/** The scheduler has written the node and nothing else: the most frequent change, and all else was checked before. */
function isOnlyBound(spec: PodSpec, old: PodSpec): boolean {
  if ((old.nodeName ?? '') !== '' || spec.nodeName === undefined || dnsSubdomainErrors(spec.nodeName).length > 0) return false;
  const now = spec as unknown as Readonly<Record<string, unknown>>;
  const before = old as unknown as Readonly<Record<string, unknown>>;
  for (const field in now) if (field !== 'nodeName' && now[field] !== before[field]) return false;
  for (const field in before) if (field !== 'nodeName' && now[field] === undefined && before[field] !== undefined) return false;
  return true;
}

/** The spec with all that may change taken from `base`; binding a pod to its node (once) and lifting gates go through other doors in Kubernetes. */
function frozenPart(spec: PodSpec, base: PodSpec): PodSpec {
  const withoutImages = (containers: readonly Container[] | undefined) => containers?.map((container) => ({ ...container, image: '', imagePullPolicy: '' }));
  const bound = (base.nodeName ?? '') === '' ? base.nodeName : spec.nodeName;
  const { nodeName, tolerations, schedulingGates, terminationGracePeriodSeconds, initContainers, ...rest } = {
    ...spec,
    containers: withoutImages(spec.containers) ?? [],
  };
  const init = withoutImages(initContainers);
  return { ...rest, ...(bound === undefined ? {} : { nodeName: bound }), ...(init === undefined ? {} : { initContainers: init }) };
}
