/**
 * Images that cannot be pulled. There are no registries here, so the name alone decides: a reference that does not parse, a host under `.invalid`, or a name or
 * tag that says so itself (`doesnotexist`, `does-not-exist`, `nonexistent`, `not-found`, `no-such-…`). Every other image is on the machine already.
 * Kubernetes: pkg/kubelet/images/image_manager.go; the words of the runtime are containerd's.
 */
import { qualifiedImage } from './identity.ts';

export interface PullFailure {
  /** `InvalidImageName` is found before anything is asked. */
  readonly reason: 'ErrImagePull' | 'InvalidImageName';
  readonly message: string;
}

const MISSING = /does-?not-?exist|non-?existent|not-?found|no-?such-/;
/** Seconds after a failed pull in which the kubelet only says that it waits. */
export const PULL_BACK_OFF_SECONDS = 10;

/** distribution/reference: path components are lower case letters and digits, joined by `.`, `_`, `__` or dashes. */
const COMPONENT = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;

function splitReference(image: string): { readonly path: string; readonly tag: string | undefined } {
  const withoutDigest = image.split('@')[0] ?? '';
  const colon = withoutDigest.lastIndexOf(':');
  return colon > withoutDigest.lastIndexOf('/')
    ? { path: withoutDigest.slice(0, colon), tag: withoutDigest.slice(colon + 1) }
    : { path: withoutDigest, tag: undefined };
}

function invalid(image: string): string | undefined {
  const { path, tag } = splitReference(image);
  const parts = path.split('/');
  const first = parts[0] ?? '';
  const hasHost = parts.length > 1 && (first.includes('.') || first.includes(':') || first === 'localhost' || first !== first.toLowerCase());
  const components = hasHost ? parts.slice(1) : parts;
  if (components.every((part) => COMPONENT.test(part)) && (tag === undefined || TAG.test(tag))) return undefined;
  if (components.every((part) => COMPONENT.test(part.toLowerCase())) && (tag === undefined || TAG.test(tag))) {
    return `invalid reference format: repository name (${hasHost || parts.length > 1 ? components.join('/') : `library/${path}`}) must be lowercase`;
  }
  return 'invalid reference format';
}

const failures = new Map<string, PullFailure | 'none'>();
const MAX_REMEMBERED = 500;

export function pullFailure(image: string): PullFailure | undefined {
  let failure = failures.get(image);
  if (failure === undefined) {
    failure = judge(image) ?? 'none';
    if (failures.size >= MAX_REMEMBERED) failures.clear();
    failures.set(image, failure);
  }
  return failure === 'none' ? undefined : failure;
}

function judge(image: string): PullFailure | undefined {
  const reason = invalid(image);
  if (reason !== undefined) {
    return { reason: 'InvalidImageName', message: `Failed to apply default image tag "${image}": couldn't parse image name "${image}": ${reason}` };
  }
  const reference = qualifiedImage(image);
  const { path, tag = 'latest' } = splitReference(reference);
  const host = path.slice(0, path.indexOf('/'));
  const resolve = `failed to pull and unpack image "${reference}": failed to resolve reference "${reference}"`;
  if (/\.invalid(:\d+)?$/.test(host)) {
    const url = `https://${host}/v2/${path.slice(host.length + 1)}/manifests/${tag}`;
    const lookup = `dial tcp: lookup ${host.replace(/:\d+$/, '')}: no such host`;
    return { reason: 'ErrImagePull', message: `${resolve}: failed to do request: Head "${url}": ${lookup}` };
  }
  if (MISSING.test(path.slice(host.length))) {
    const words = `${resolve}: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed`;
    return { reason: 'ErrImagePull', message: words };
  }
  return MISSING.test(tag) ? { reason: 'ErrImagePull', message: `rpc error: code = NotFound desc = ${resolve}: ${reference}: not found` } : undefined;
}
