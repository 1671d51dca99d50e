/** The API server's validation against cases taken from Kubernetes' own tests, read from the folder beside the project where it is there. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { kinds } from '../kube/index.ts';
import { ApiServer } from './api-server.ts';
import { causeText } from './status.ts';
import type { FieldError, KubeObject } from './types.ts';

const file = join(dirname(fileURLToPath(import.meta.url)), '../../../shared/conformance/api-validation.json');
const isThere = existsSync(file);

interface ExpectedError {
  readonly text?: string;
  readonly prefix?: string;
  readonly suffix?: string;
  readonly anyOf?: readonly string[];
}
interface Case {
  readonly id: string;
  readonly object: KubeObject;
  readonly valid: boolean;
  readonly expectedErrors: readonly ExpectedError[];
}

const fits = (text: string, wanted: ExpectedError): boolean =>
  (wanted.text === undefined || text === wanted.text) &&
  (wanted.prefix === undefined || text.startsWith(wanted.prefix)) &&
  (wanted.suffix === undefined || text.endsWith(wanted.suffix)) &&
  (wanted.anyOf === undefined || wanted.anyOf.includes(text));

/** `spec.ports[0].port: Invalid value`: field path and type. */
const head = (text: string): string => /^.*?: [A-Z][a-z]+(?: [a-z]+)?(?=:|$)/.exec(text)?.[0] ?? text;
const firstText = (wanted: ExpectedError): string => wanted.text ?? wanted.prefix ?? wanted.anyOf?.[0] ?? '';

function judge(one: Case): { readonly verdict: boolean; readonly robust: boolean; readonly strict: boolean; readonly errors: readonly string[] } {
  const api = new ApiServer({ kinds, controllers: [], nowNs: () => 0, epochMs: 0, seed: 1 });
  const namespace = one.object.metadata.namespace ?? 'default';
  api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  const result = api.create(one.object);
  const causes: readonly FieldError[] = result.ok ? [] : result.causes;
  const errors = [...new Set(causes.map(causeText))];
  const verdict = result.ok === one.valid;
  const heads = new Set(errors.map(head));
  const wantedHeads = new Set(one.expectedErrors.map((wanted) => head(firstText(wanted))));
  const robust = verdict && heads.size === wantedHeads.size && [...wantedHeads].every((wanted) => heads.has(wanted));
  const strict = verdict && errors.length === one.expectedErrors.length && one.expectedErrors.every((wanted) => errors.some((text) => fits(text, wanted)));
  return { verdict, robust, strict, errors: result.ok ? [] : errors.length === 0 ? [result.message] : errors };
}

describe.skipIf(!isThere)("Kubernetes' own validation cases (skipped where ../shared/conformance is absent)", () => {
  const { cases } = (isThere ? JSON.parse(readFileSync(file, 'utf8')) : { cases: [] }) as { cases: readonly Case[] };

  it('are judged as the API server judges them, for the kinds we simulate', () => {
    const report = new Map<string, { passed: number; failed: number; strict: number; unsupported: number }>();
    const wrong: string[] = [];
    for (const one of cases) {
      const line = report.get(one.object.kind) ?? { passed: 0, failed: 0, strict: 0, unsupported: 0 };
      report.set(one.object.kind, line);
      const kind = kinds.find((known) => known.kind === one.object.kind);
      if (kind?.validate === undefined) {
        line.unsupported += 1;
        continue;
      }
      const { robust, strict, errors } = judge(one);
      if (strict) line.strict += 1;
      if (robust) line.passed += 1;
      else {
        line.failed += 1;
        wrong.push(`${one.id}\n    wanted ${one.expectedErrors.map(firstText).join(' | ')}\n    got    ${errors.join(' | ')}`);
      }
    }
    const table = [...report].map(
      ([kind, line]) => `${kind}: ${line.passed} passed (${line.strict} with every word), ${line.failed} failed, ${line.unsupported} not supported`,
    );
    process.stdout.write(`api-validation\n${table.map((line) => `  ${line}\n`).join('')}${wrong.map((line) => `  ${line}\n`).join('')}`);
    expect(wrong).toEqual([]);
  });
});
