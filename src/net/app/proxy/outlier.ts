/** Endpoints that answer with errors again and again are left alone for a while. Envoy: source/common/upstream/outlier_detection_impl.cc. */
import type { ProxyBackend } from './config.ts';
import type { ProxyRun } from './run.ts';

/** What a proxy holds against one endpoint of a backend. */
export interface HostHealth {
  /** Server errors in a row, and those of them that are a gateway's. */
  readonly errors: number;
  readonly gatewayErrors: number;
  /** How often it was put out lately: each time it stays out longer. */
  readonly times: number;
  /** It is out until then. */
  readonly backNs: number;
}

/** By backend, then by `ip:port`. */
export type Health = Map<string, ReadonlyMap<string, HostHealth>>;

const NEW: HostHealth = { errors: 0, gatewayErrors: 0, times: 0, backNs: 0 };
/** max_ejection_time */
const MOST_MS = 300_000;

export function isEjected(run: ProxyRun, { name, policy }: ProxyBackend, address: string): boolean {
  if (policy?.outlier === undefined) return false;
  const known = run.state.health.get(name)?.get(address);
  return known !== undefined && known.backNs > run.context.nowNs;
}

/** How a try ended: by a status, or without any (`undefined`), which counts as 503 does. */
export function reportOutcome(run: ProxyRun, backend: ProxyBackend, address: string, status: number | undefined): void {
  const { name, policy } = backend;
  const outlier = policy?.outlier;
  if (outlier === undefined || address === '') return;
  const hosts = run.state.health.get(name);
  const before = hosts?.get(address) ?? NEW;
  const code = status ?? 503;
  const isError = code >= 500;
  if (!isError) {
    if (before.errors > 0) put(run, name, address, { ...before, errors: 0, gatewayErrors: 0 });
    return;
  }
  const errors = before.errors + 1;
  const gatewayErrors = code >= 502 && code <= 504 ? before.gatewayErrors + 1 : 0;
  const isOut = before.backNs > run.context.nowNs;
  const by =
    errors === outlier.errors
      ? `${errors} server errors`
      : gatewayErrors > 0 && gatewayErrors === outlier.gatewayErrors
        ? `${gatewayErrors} gateway errors`
        : '';
  if (by === '' || isOut) {
    put(run, name, address, { ...before, errors, gatewayErrors });
    return;
  }
  const out = [...(hosts?.values() ?? [])].filter(({ backNs }) => backNs > run.context.nowNs).length;
  const percent = (100 * (out + 1)) / Math.max(1, backend.endpoints.length);
  const objects = policy?.source === undefined ? {} : { objects: [policy.source] };
  if (percent > outlier.maxPercent) {
    run.context.tell({
      what: `keeps ${address} in spite of its errors`,
      why: `${by} in a row are enough, but only ${outlier.maxPercent} % of ${name} may be put out, and this would be ${Math.round(percent)} %`,
      ...objects,
    });
    put(run, name, address, { ...before, errors: 0, gatewayErrors: 0 });
    return;
  }
  // Each interval of good conduct takes one of the earlier times away.
  const intervals = before.times === 0 ? 0 : Math.floor((run.context.nowNs - before.backNs) / 1e6 / outlier.intervalMs);
  const times = Math.max(0, before.times - intervals) + 1;
  const outMs = Math.min(outlier.baseMs * times, Math.max(MOST_MS, outlier.baseMs));
  // It comes back when the sweep next looks, not sooner.
  const sweep = outlier.intervalMs * 1e6;
  const backNs = Math.ceil((run.context.nowNs + outMs * 1e6) / sweep) * sweep;
  put(run, name, address, { errors: 0, gatewayErrors: 0, times, backNs });
  run.context.tell({
    what: `puts ${address} out of ${name} for ${Math.round((backNs - run.context.nowNs) / 1e9)} s`,
    why: `${by} in a row; ${times === 1 ? 'the first time' : `time ${times}`}, so ${outMs / 1000} s, and then until the next sweep`,
    ...objects,
  });
}

function put(run: ProxyRun, name: string, address: string, health: HostHealth): void {
  run.state.health.set(name, new Map(run.state.health.get(name)).set(address, health));
}
