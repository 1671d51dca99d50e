/** `kubehop recorded`: worlds recorded on a real kernel, done again here and compared level by level. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createShell } from '../shell/index.ts';
import { checkWorld, countLevels, findingsOf, formatReports, type WorldReport } from '../world/recorded/check.ts';
import { LEVELS, type Level } from '../world/recorded/compare.ts';
import { manifestsOf, setupCommands } from '../world/recorded/manifests.ts';
import { readCluster, readTrace, readWorld } from '../world/recorded/parse.ts';
import type { Streams } from './session.ts';

export const RECORDED_USAGE = `usage:
  kubehop recorded DIR|WORLD.json [TRACE.json] [--level N]... [--json]
      build each world from manifests, do its steps, compare with the trace beside it (NN.world.json, NN.trace.json);
      without a trace, with what the world itself expects. Levels: 1 result, 2 hops, 3 conntrack, 4 rules, 5 ARP
  kubehop recorded WORLD.json --manifests DIR
      write the world's cluster as manifests instead

The exit code is 1 when anything differs.
`;

interface Wanted {
  readonly world: string;
  readonly trace: string | undefined;
}

const WORLD = '.world.json';

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new Error(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const traceOf = (world: string): string | undefined => {
  const trace = world.endsWith(WORLD) ? `${world.slice(0, -WORLD.length)}.trace.json` : undefined;
  return trace !== undefined && existsSync(trace) ? trace : undefined;
};

/** @throws {Error} with a sentence for people. */
function find(paths: readonly string[]): Wanted[] {
  const [first, second, ...rest] = paths;
  if (first === undefined || rest.length > 0) throw new Error('recorded takes a folder, or a world and its trace');
  if (!existsSync(first)) throw new Error(`the path "${first}" does not exist`);
  if (!statSync(first).isDirectory()) return [{ world: first, trace: second ?? traceOf(first) }];
  const worlds = readdirSync(first)
    .filter((name) => name.endsWith(WORLD))
    .sort();
  if (worlds.length === 0) throw new Error(`the folder "${first}" holds no *${WORLD}`);
  return worlds.map((name) => ({ world: join(first, name), trace: traceOf(join(first, name)) }));
}

function writeManifests(path: string, folder: string, streams: Streams): void {
  const { world, notes } = readWorld(readJson(path));
  for (const note of notes) streams.err(`${path}: note: ${note}\n`);
  const cluster = readCluster(world.cluster, []);
  mkdirSync(folder, { recursive: true });
  for (const file of manifestsOf(cluster, true)) {
    writeFileSync(join(folder, file.path), file.text);
    streams.out(`${join(folder, file.path)}\n`);
  }
  const byHand = [...setupCommands(cluster), ...world.tweaks];
  for (const one of byHand) streams.out(`# and by hand, on ${one.ns === '' ? 'every node' : one.ns}: ${one.cmd}\n`);
}

function checkOne(wanted: Wanted): WorldReport {
  const { world, notes } = readWorld(readJson(wanted.world));
  const trace = wanted.trace === undefined ? undefined : readTrace(readJson(wanted.trace));
  return checkWorld(world, trace, { createShell, notes });
}

/** Runs `kubehop recorded …`; returns the exit code. */
export function recorded(argv: readonly string[], streams: Streams): number {
  const paths: string[] = [];
  const levels = new Set<Level>();
  let json = false;
  let manifests: string | undefined;
  for (let i = 0; i < argv.length; i += 1) {
    const word = argv[i] as string;
    if (word === '-h' || word === '--help') {
      streams.out(RECORDED_USAGE);
      return 0;
    }
    if (word === '--json') json = true;
    else if (word === '--level' || word.startsWith('--level=')) {
      const value = word === '--level' ? argv[++i] : word.slice('--level='.length);
      const level = LEVELS.find((one) => String(one) === value);
      if (level === undefined) {
        streams.err(`kubehop: --level takes a number from 1 to 5, not ${value ?? 'nothing'}\n`);
        return 2;
      }
      levels.add(level);
    } else if (word === '--manifests') {
      manifests = argv[++i];
      if (manifests === undefined) {
        streams.err('kubehop: --manifests needs a folder\n');
        return 2;
      }
    } else if (word.startsWith('-')) {
      streams.err(`kubehop: unknown option: ${word}\n${RECORDED_USAGE}`);
      return 2;
    } else paths.push(word);
  }
  const all = find(paths);
  if (manifests !== undefined) {
    for (const one of all)
      writeManifests(one.world, all.length === 1 ? manifests : join(manifests, one.world.replace(/^.*\//, '').slice(0, -WORLD.length)), streams);
    return 0;
  }
  const reports = all.map(checkOne);
  const chosen = levels.size === 0 ? LEVELS : LEVELS.filter((level) => levels.has(level));
  if (json) {
    const plain = reports.map((one) => ({
      id: one.id,
      levels: Object.fromEntries([...countLevels(one)].filter(([level]) => chosen.includes(level))),
      differences: findingsOf(one, chosen),
      notes: one.notes,
      ...(one.failure === undefined ? {} : { failure: one.failure }),
    }));
    streams.out(`${JSON.stringify(plain, null, 1)}\n`);
  } else streams.out(formatReports(reports, chosen));
  return reports.some((one) => one.failure !== undefined || findingsOf(one, chosen).length > 0) ? 1 : 0;
}
