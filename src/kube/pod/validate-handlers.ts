/** What probes, hooks and volumes must fulfil beyond their schemas. Kubernetes: pkg/apis/core/validation/validation.go, validateHandler, validateProbe, validateVolumeSource. */
import type { FieldError } from '../../objects/types.ts';
import { forbidden, invalid, invalidEach, portRange, required } from '../field-errors.ts';
import { portNameErrors } from '../names.ts';
import type { Container, Volume } from './types.ts';

type Fields = Readonly<Record<string, unknown>>;
const fields = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});

/** In the order in which the server looks at them. */
const HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'] as const;

function portErrors(path: string, port: unknown): readonly FieldError[] {
  if (typeof port === 'number') return portRange(path, port);
  return typeof port === 'string' ? invalidEach(path, port, portNameErrors(port)) : [];
}

function handlerErrors(path: string, handler: Fields, graceSeconds: number): readonly FieldError[] {
  const errors: FieldError[] = [];
  let found = false;
  for (const kind of HANDLERS) {
    if (handler[kind] === undefined) continue;
    const at = `${path}.${kind}`;
    if (found) {
      errors.push(forbidden(at, 'may not specify more than 1 handler type'));
      continue;
    }
    found = true;
    const action = fields(handler[kind]);
    if (kind === 'exec' && (!Array.isArray(action.command) || action.command.length === 0)) errors.push(required(`${at}.command`));
    if (kind === 'httpGet') {
      if (action.path === '') errors.push(required(`${at}.path`));
      errors.push(...portErrors(`${at}.port`, action.port ?? 0));
    }
    if (kind === 'tcpSocket' || kind === 'grpc') errors.push(...portErrors(`${at}.port`, action.port ?? 0));
    if (kind === 'sleep' && typeof action.seconds === 'number' && (action.seconds < 0 || action.seconds > graceSeconds))
      errors.push(invalid(at, action.seconds, `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`));
  }
  if (!found) errors.push(required(path, 'must specify a handler type'));
  return errors;
}

const NUMBERS = ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'] as const;

function probeErrors(path: string, probe: Fields, isReadiness: boolean, graceSeconds: number): readonly FieldError[] {
  const errors: FieldError[] = [...handlerErrors(path, probe, graceSeconds)];
  for (const name of NUMBERS) {
    const value = probe[name];
    if (typeof value === 'number' && value < 0) errors.push(invalid(`${path}.${name}`, value, 'must be greater than or equal to 0'));
  }
  const grace = probe.terminationGracePeriodSeconds;
  if (typeof grace === 'number' && grace <= 0) errors.push(invalid(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than 0'));
  if (isReadiness && grace !== undefined) errors.push(invalid(`${path}.terminationGracePeriodSeconds`, grace, 'must not be set for readinessProbes'));
  const successes = probe.successThreshold;
  if (!isReadiness && typeof successes === 'number' && successes > 1) errors.push(invalid(`${path}.successThreshold`, successes, 'must be 1'));
  return errors;
}

const PROBES = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const;

/** `isInit`: runs to its end before the others. */
export function containerHandlerErrors(path: string, container: Container, isInit: boolean, graceSeconds: number): readonly FieldError[] {
  const errors: FieldError[] = [];
  const own = container as unknown as Fields;
  if (isInit && container.restartPolicy !== 'Always') {
    for (const name of ['lifecycle', ...PROBES])
      if (own[name] !== undefined) errors.push(forbidden(`${path}.${name}`, 'may not be set for init containers without restartPolicy=Always'));
    return errors;
  }
  for (const hook of ['postStart', 'preStop'] as const) {
    const handler = container.lifecycle?.[hook];
    if (handler !== undefined) errors.push(...handlerErrors(`${path}.lifecycle.${hook}`, fields(handler), graceSeconds));
  }
  for (const name of PROBES)
    if (own[name] !== undefined) errors.push(...probeErrors(`${path}.${name}`, fields(own[name]), name === 'readinessProbe', graceSeconds));
  return errors;
}

/** In the order in which the server looks at them. */
const SOURCES =
  'emptyDir hostPath gitRepo gcePersistentDisk awsElasticBlockStore secret nfs iscsi glusterfs flocker persistentVolumeClaim rbd cinder cephfs quobyte downwardAPI fc flexVolume azureFile configMap vsphereVolume azureDisk storageos projected scaleIO portworxVolume photonPersistentDisk csi ephemeral image'.split(
    ' ',
  );

const pathErrors = (at: string, path: string): readonly FieldError[] => [
  ...(path.startsWith('/') ? [invalid(at, path, 'must be a relative path')] : []),
  ...(path.split('/').includes('..') ? [invalid(at, path, "must not contain '..'")] : []),
];

export const subPathErrors = pathErrors;

function itemErrors(path: string, items: unknown): readonly FieldError[] {
  if (!Array.isArray(items)) return [];
  return items.flatMap((item: unknown, index): readonly FieldError[] => {
    const { key, path: target } = fields(item);
    const at = `${path}.items[${index}]`;
    return [
      ...(key === undefined || key === '' ? [required(`${at}.key`)] : []),
      ...(target === undefined || target === '' ? [required(`${at}.path`)] : typeof target === 'string' ? pathErrors(`${at}.path`, target) : []),
    ];
  });
}

export function volumeSourceErrors(path: string, volume: Volume): readonly FieldError[] {
  const errors: FieldError[] = [];
  let found = false;
  for (const kind of SOURCES) {
    if (volume[kind] === undefined) continue;
    const at = `${path}.${kind}`;
    if (found) {
      errors.push(forbidden(at, 'may not specify more than 1 volume type'));
      continue;
    }
    found = true;
    const source = fields(volume[kind]);
    if (kind === 'secret' && (source.secretName ?? '') === '') errors.push(required(`${at}.secretName`));
    if (kind === 'configMap' && (source.name ?? '') === '') errors.push(required(`${at}.name`));
    if (kind === 'persistentVolumeClaim' && (source.claimName ?? '') === '') errors.push(required(`${at}.claimName`));
    if (kind === 'hostPath') {
      if ((source.path ?? '') === '') errors.push(required(`${at}.path`));
      else if (String(source.path).split('/').includes('..')) errors.push(invalid(`${at}.path`, source.path, "must not contain '..'"));
    }
    if (kind === 'secret' || kind === 'configMap') {
      const mode = source.defaultMode;
      if (typeof mode === 'number' && (mode < 0 || mode > 0o777))
        errors.push(invalid(`${at}.defaultMode`, mode, 'must be a number between 0 and 0777 (octal), both inclusive'));
      errors.push(...itemErrors(at, source.items));
    }
  }
  return errors;
}
