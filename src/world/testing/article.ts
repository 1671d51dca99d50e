/** The article's cluster as tests open it: the files people see, read from disk, with the real shell. */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createShell } from '../../shell/index.ts';
import { allParts } from '../all-parts.ts';
import type { DocumentFile, DocumentInput } from '../document.ts';
import { World } from '../world.ts';

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'content', 'examples', 'article');
const order = ['web.yaml', 'client.yaml', 'cluster.yaml', 'coredns.yaml', 'flannel.yaml', 'kube-proxy.yaml'];

export function articleFiles(): DocumentFile[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
  return [...order.filter((name) => names.includes(name)), ...names.filter((name) => !order.includes(name))].map((path) => ({
    path,
    text: readFileSync(join(folder, path), 'utf8'),
  }));
}

export interface OpenOptions {
  readonly seed?: number;
  readonly files?: readonly DocumentFile[];
  readonly inputs?: readonly DocumentInput[];
  readonly trace?: boolean;
  /** `vi` finds an editor pane. */
  readonly editor?: boolean;
  readonly maxIdleRows?: number;
}

export function openArticle(options: OpenOptions = {}): World {
  return World.open({
    parts: allParts,
    document: { version: 1, seed: options.seed ?? 1, files: options.files ?? articleFiles(), inputs: options.inputs ?? [], positions: {} },
    baseFiles: articleFiles().filter((file) => file.path !== 'web.yaml' && file.path !== 'client.yaml'),
    createShell,
    editor: options.editor === true,
    ...(options.trace === undefined ? {} : { trace: options.trace }),
    ...(options.maxIdleRows === undefined ? {} : { maxIdleRows: options.maxIdleRows }),
  });
}

/** Runs a line in the main session and returns what it printed, stdout and stderr as they came. */
export function runLine(
  world: World,
  line: string,
  session = 'main',
): { readonly output: string; readonly stdout: string; readonly stderr: string; readonly exitCode: number } {
  const from = world.terminalLength;
  const exitCode = world.command(session, line);
  const entries = world.terminalFrom(from).filter((entry) => entry.session === session);
  const of = (...kinds: readonly string[]) =>
    entries
      .filter((entry) => kinds.includes(entry.kind))
      .map((entry) => entry.text)
      .join('');
  return { output: of('stdout', 'stderr'), stdout: of('stdout'), stderr: of('stderr'), exitCode };
}
