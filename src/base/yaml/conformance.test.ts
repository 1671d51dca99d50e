/** Public example manifests, read from the folder beside the project where it is there. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { formatYaml } from './format-yaml.ts';
import { parseYaml } from './parse-yaml.ts';

const folder = join(dirname(fileURLToPath(import.meta.url)), '../../../../shared/conformance');
const index = join(folder, 'k8s-examples.json');

interface Example {
  readonly path: string;
  readonly parses?: boolean;
  readonly objects?: readonly { readonly kind: string; readonly name?: string }[];
}

describe.skipIf(!existsSync(index))('public example manifests (skipped where ../shared/conformance is absent)', () => {
  const { files } = (existsSync(index) ? JSON.parse(readFileSync(index, 'utf8')) : { files: [] }) as { files: readonly Example[] };

  it('parse as kubectl parses them, and come through the printer unharmed', () => {
    const failed: string[] = [];
    let passed = 0;
    for (const example of files) {
      const path = [example.path, join('manifests', example.path)].map((one) => join(folder, one)).find(existsSync);
      if (path === undefined) continue;
      const parsed = parseYaml(example.path, readFileSync(path, 'utf8'));
      const objects = parsed.documents.map((one) => one.value as { kind?: string });
      const problems: string[] = [];
      if (example.parses === false) {
        if (parsed.diagnostics.length === 0 || parsed.diagnostics.some((one) => one.span === undefined)) problems.push('should be refused');
      } else {
        problems.push(...parsed.diagnostics.map((one) => one.message));
        const kinds = (example.objects ?? []).map((one) => one.kind);
        if (example.objects !== undefined && kinds.join() !== objects.map((one) => one.kind).join())
          problems.push(`kinds ${objects.map((one) => one.kind).join()} instead of ${kinds.join()}`);
        for (const one of parsed.documents) {
          const again = parseYaml('again.yaml', formatYaml(one.value));
          if (JSON.stringify(sorted(again.documents[0]?.value)) !== JSON.stringify(sorted(one.value))) problems.push('changed by printing');
        }
      }
      if (problems.length === 0) passed += 1;
      else failed.push(`${example.path}: ${problems.join('; ')}`);
    }
    expect(failed).toEqual([]);
    expect(passed).toBeGreaterThan(50);
  });
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}
