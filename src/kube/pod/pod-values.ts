/** What the downward API tells of a pod and its containers. Kubernetes: pkg/fieldpath/fieldpath.go, pkg/api/v1/resource/helpers.go. */
import { parseQuantity } from './quantity.ts';
import type { Container, Pod } from './types.ts';

const lines = (pairs: Readonly<Record<string, string>> | undefined): string =>
  Object.entries(pairs ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n');

/** Value of `metadata.name`, `metadata.labels['app']`, `status.podIP`; '' for what is not there. */
export function fieldValue(pod: Pod, path: string): string {
  const { metadata, spec, status } = pod;
  const named = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (named !== null) return (named[1] === 'labels' ? metadata.labels : metadata.annotations)?.[named[2] ?? ''] ?? '';
  switch (path) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace ?? 'default';
    case 'metadata.uid':
      return metadata.uid ?? '';
    case 'metadata.labels':
      return lines(metadata.labels);
    case 'metadata.annotations':
      return lines(metadata.annotations);
    case 'spec.nodeName':
      return spec.nodeName ?? '';
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? '';
    case 'status.hostIP':
      return status?.hostIP ?? '';
    case 'status.hostIPs':
      return (status?.hostIPs ?? []).map((one) => one.ip).join(',');
    case 'status.podIP':
      return status?.podIP ?? '';
    case 'status.podIPs':
      return (status?.podIPs ?? []).map((one) => one.ip).join(',');
    default:
      return '';
  }
}

export interface ResourceField {
  readonly containerName?: string;
  /** `limits.memory` */
  readonly resource?: string;
  readonly divisor?: string | number;
}

/** Rounded up to whole divisors; 0 where nothing is asked for. */
export function resourceValue(container: Container | undefined, { resource = '', divisor }: ResourceField): string {
  const [part = '', name = ''] = resource.split('.');
  const amounts = part === 'limits' ? container?.resources?.limits : container?.resources?.requests;
  const unit = parseQuantity(String(divisor ?? '1')) ?? 1;
  return String(Math.ceil((parseQuantity(amounts?.[name] ?? '0') ?? 0) / (unit === 0 ? 1 : unit) - 1e-9));
}
