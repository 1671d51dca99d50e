/** Our kubectl against the real one: both talk to clusters that are alike, and must print the same, byte for byte. */

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createShell } from '../shell/index.ts';
import { allParts } from '../world/all-parts.ts';
import { World } from '../world/world.ts';
import { articleFiles, clusterFiles } from './load.ts';
import { type Serving, serve } from './serve.ts';
import { CliSession } from './session.ts';
import { type Case, cases, manifests } from './testing/kubectl-cases.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const binary = process.env.KUBEHOP_KUBECTL ?? join(root, 'node_modules/.cache/kubehop/kubectl-v1.35.2');
const isThere = existsSync(binary);

interface Printed {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** Two worlds that began alike: the real kubectl changes one of them, ours the other. */
function open(): World {
  return World.open({
    parts: allParts,
    document: { version: 1, seed: 1, files: articleFiles(root), inputs: [], positions: {} },
    baseFiles: clusterFiles(root),
    createShell,
    epochMs: epochMs,
  });
}

/** kubectl takes ages in `describe` from its own clock: the worlds' clock stands at the same minute. */
const epochMs = Math.floor(Date.now() / 1000) * 1000 - 15 * 60 * 1000 - 500;

describe.skipIf(!isThere)('our kubectl prints what the real kubectl v1.35.2 prints (skipped where it could not be fetched)', () => {
  let serving: Serving;
  let ours: World;
  let folder: string;

  beforeAll(async () => {
    serving = await serve(open(), 0, { clock: 'still' });
    ours = open();
    folder = mkdtempSync(join(tmpdir(), 'kubehop-kubectl-'));
    for (const [name, text] of Object.entries(manifests)) {
      writeFileSync(join(folder, name), text);
      ours.command('main', `cat > ${name} <<'END_OF_MANIFEST'\n${text}END_OF_MANIFEST`);
    }
  });
  afterAll(() => serving?.close());

  const real = (one: Case): Promise<Printed> =>
    new Promise((resolve) => {
      const child = spawn('/bin/sh', ['-c', one.line], {
        cwd: folder,
        env: { PATH: `${folder}/bin:/usr/bin:/bin`, HOME: folder, KUBECTL: binary, KUBECONFIG: join(folder, 'config') },
        timeout: 20_000,
      });
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (part: Buffer) => {
        stdout += part.toString();
      });
      child.stderr.on('data', (part: Buffer) => {
        stderr += part.toString();
      });
      child.on('close', (code) => resolve({ stdout, stderr, exitCode: code ?? -1 }));
    });

  const mine = (one: Case): Printed => {
    const printed = { stdout: '', stderr: '' };
    const session = new CliSession(ours, 'main', {
      out: (text) => {
        printed.stdout += text;
      },
      err: (text) => {
        printed.stderr += text;
      },
    });
    const exitCode = ours.command('main', one.line);
    session.flush();
    return { ...printed, exitCode };
  };

  beforeAll(() => {
    mkdirSync(join(folder, 'bin'));
    symlinkSync(binary, join(folder, 'bin', 'kubectl'));
    writeFileSync(
      join(folder, 'config'),
      `apiVersion: v1
kind: Config
clusters: [{name: kubernetes, cluster: {server: "${serving.url}"}}]
users: [{name: kubernetes-admin, user: {}}]
contexts: [{name: kubernetes-admin@kubernetes, context: {cluster: kubernetes, user: kubernetes-admin}}]
current-context: kubernetes-admin@kubernetes
`,
    );
  });

  it.each(cases.map((one) => [one.line, one] as const))('%s', async (_line, one) => {
    const expected = await real(one);
    const actual = mine(one);
    const prepare = one.mask ?? ((text: string) => text);
    expect({ ...actual, stdout: prepare(actual.stdout), stderr: prepare(actual.stderr) }).toEqual({
      ...expected,
      stdout: prepare(expected.stdout),
      stderr: prepare(expected.stderr),
    });
  });
});
