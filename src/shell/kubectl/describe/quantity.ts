/** Resource quantities as numbers and back, for sums. Kubernetes: apimachinery/pkg/api/resource */

const SUFFIXES: Readonly<Record<string, number>> = { '': 1, m: 1e-3, k: 1e3, M: 1e6, G: 1e9, T: 1e12, Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3, Ti: 1024 ** 4 };

/** 0 for what is no quantity. */
export function parseQuantity(value: string): number {
  const match = /^(\d+(?:\.\d+)?)([mkMGT]|[KMGT]i)?$/.exec(value);
  return match === null ? 0 : Number(match[1]) * (SUFFIXES[match[2] ?? ''] ?? 1);
}

/** `250m`, `2`, `128Mi`. */
export function formatAmount(value: number, resource: string): string {
  if (value === 0) return '0';
  if (resource === 'cpu') return Number.isInteger(value) ? String(value) : `${Math.round(value * 1000)}m`;
  for (const suffix of ['Gi', 'Mi', 'Ki']) {
    const size = SUFFIXES[suffix] ?? 1;
    if (value >= size && value % size === 0) return `${value / size}${suffix}`;
  }
  return String(Math.round(value));
}
