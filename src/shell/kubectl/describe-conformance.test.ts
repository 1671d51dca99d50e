/** `kubectl describe` against kubectl's own test cases, read from the folder beside the project where it is there. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../objects/types.ts';
import { FakeWorld } from '../testing/fake-host.ts';
import { formatPorts } from './describe/containers.ts';
import { describeObject } from './describe/index.ts';

const folder = join(dirname(fileURLToPath(import.meta.url)), '../../../../shared/conformance');
const file = join(folder, 'kubectl-describe.json');
const isThere = existsSync(file);
const nowMs = Date.UTC(2026, 10, 22, 22, 47, 44);

interface Case {
  readonly id: string;
  readonly objects: readonly KubeObject[];
  readonly expected?: string;
  readonly contains?: readonly string[];
  readonly expectedPortText?: string;
  readonly expectedHostPortText?: string;
  readonly showEvents?: boolean;
}

/** Cases whose data were lost when they were written down (a Go expression, a pointer without its value), or that print a zone we do not have. */
const unusable: Readonly<Record<string, string>> = {
  'TestDescribeContainers/14': 'resource names are Go expressions',
  'TestDescribeContainers/15': 'resource names are Go expressions',
  TestDescribePodTolerations: 'tolerationSeconds has no value',
};

const seconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, y: 365 * 86_400 };

function withTimes<T>(value: T): T {
  const text = JSON.stringify(value)
    .replace(/<now-(\d+)([smhdy])>/g, (_all, amount: string, unit: string) => new Date(nowMs - Number(amount) * (seconds[unit] ?? 0) * 1000).toISOString())
    .replaceAll('$TIME', '2021-01-01T00:00:00Z')
    .replaceAll('"lastTerminationState"', '"lastState"')
    .replaceAll('"OpExists"', '"Exists"')
    .replaceAll('"OpEqual"', '"Equal"');
  return JSON.parse(text) as T;
}

/** The cases say `$TIME` for every time; those of events are put back from the ages that the expected lines show. */
function eventWithTimes(event: KubeObject, line: string): KubeObject {
  const [, last, lastUnit, count, first, firstUnit] = /\s(\d+)([sm])(?: \(x(\d+) over (\d+)([sm])\))?\s/.exec(line) ?? [];
  const ago = (amount: string | undefined, unit: string | undefined): string =>
    new Date(nowMs - Number(amount) * (seconds[unit ?? 's'] ?? 1) * 1000).toISOString();
  const raw = event as KubeObject & { readonly eventTime?: string; readonly firstTimestamp?: string; readonly series?: { readonly count: number } };
  const start = count === undefined ? ago(last, lastUnit) : ago(first, firstUnit);
  return {
    ...event,
    ...(raw.firstTimestamp === undefined ? { eventTime: start } : { firstTimestamp: start }),
    ...(raw.series === undefined ? {} : { series: { count: raw.series.count, lastObservedTime: ago(last, lastUnit) } }),
  } as KubeObject;
}

/** Upstream's test of these asks for no events, which the case does not say; the real program prints `Events:` here. */
const withoutEvents: ReadonlySet<string> = new Set(['TestDescribeIngressClass']);

/** The describer sees a fake clientset: objects as they are. */
function outcome(one: Case): 'passed' | string {
  const world = new FakeWorld();
  const lines = (one.contains ?? []).filter((part) => part.startsWith('Normal '));
  let event = 0;
  const objects = withTimes(one.objects).map((object) => {
    if (object.kind !== 'Event') return object;
    event += 1;
    return eventWithTimes(object, lines[event - 1] ?? '');
  });
  world.objects = objects;
  const first = objects[0];
  if (first === undefined) return 'no object';
  const text = describeObject(world.host, first, one.showEvents !== false && !withoutEvents.has(one.id));
  const normal = (value: string): string => value.replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [-+]\d{4} [A-Z]+/g, '$TIME');
  if (one.expected !== undefined) return normal(text) === normal(one.expected) ? 'passed' : text;
  if (one.contains !== undefined) {
    const missing = one.contains.filter((part) => !text.includes(part) && !text.replace(/ {2,}/g, '\t').includes(part));
    return missing.length === 0 ? 'passed' : `missing ${JSON.stringify(missing)} in\n${text}`;
  }
  const container = (first.spec as { readonly containers: readonly unknown[] }).containers[0];
  return formatPorts(container, 'containerPort') === one.expectedPortText && formatPorts(container, 'hostPort') === one.expectedHostPortText
    ? 'passed'
    : 'other ports';
}

describe.skipIf(!isThere)('kubectl describe, as kubectl tests it itself', () => {
  const cases = isThere ? (JSON.parse(readFileSync(file, 'utf8')) as { readonly cases: readonly Case[] }).cases : [];
  const results = cases.map((one) => ({ id: one.id, result: unusable[one.id] === undefined ? outcome(one) : 'not usable' }));

  it('prints what kubectl prints', () => {
    const failed = results.filter(({ result }) => result !== 'passed' && result !== 'not usable');
    const passed = results.filter(({ result }) => result === 'passed').length;
    process.stdout.write(
      `kubectl describe: ${passed} passed, ${failed.length} failed, ${results.length - passed - failed.length} not usable of ${results.length}\n`,
    );
    expect(failed).toEqual([]);
  });
});

it.skipIf(isThere)('kubectl describe conformance: the folder ../shared/conformance is not there, so its cases were not judged', () => {
  expect(isThere).toBe(false);
});
