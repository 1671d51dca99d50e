/** `bin/kubehop`: the same world and shell as in the browser, in Node. */

import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import { createShell, END_OF_INPUT, hopJson } from '../shell/index.ts';
import { allParts } from '../world/all-parts.ts';
import { capture } from '../world/capture.ts';
import { exportNetns } from '../world/export-netns.ts';
import { probesFor } from '../world/export-netns-probes.ts';
import { checkExpectations } from '../world/reach/expectations.ts';
import { suggestPolicies } from '../world/suggest/suggest-policies.ts';
import { World } from '../world/world.ts';
import { type CliOptions, parseArguments } from './arguments.ts';
import { compareText } from './compare.ts';
import { articleFiles, clusterFiles, loadFiles, withExpectations } from './load.ts';
import { recorded } from './recorded.ts';
import { serve } from './serve.ts';
import { CliSession, type Streams } from './session.ts';
import { expectationJson, formatTap } from './tap.ts';

const streams: Streams = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
};

/** How long a world has been up when it opens. */
const SETTLED_MS = 15 * 60 * 1000;

/** @throws {Error} with a sentence for people. */
function openWorld(options: CliOptions, packageRoot: string): World {
  const given = options.files.length === 0 ? articleFiles(packageRoot) : loadFiles(options.files);
  const files = options.verb === 'test' && options.words.length > 0 ? withExpectations(given, options.words) : given;
  const world = World.open({
    parts: allParts,
    document: { version: 1, seed: options.seed, files, inputs: [], positions: {} },
    baseFiles: clusterFiles(packageRoot),
    createShell,
    // A client with a clock of its own computes ages from it.
    ...(options.verb === 'serve' ? { epochMs: Date.now() - SETTLED_MS } : {}),
  });
  let errors = 0;
  for (const one of world.diagnostics) {
    if (one.severity === 'info') continue;
    if (one.severity === 'error') errors += 1;
    const place = one.span === undefined ? '' : `${one.span.file}:${one.span.startLine}:${one.span.startColumn}: `;
    streams.err(`${place}${one.severity}: ${one.message}${one.hint === undefined ? '' : ` (${one.hint})`}\n`);
  }
  if (errors > 0) throw new Error(`${errors} error${errors === 1 ? '' : 's'} in the files; nothing was run`);
  return world;
}

/** Opens a session where `--on` says: a host, `pod/NAME`, `NAMESPACE/NAME`. */
function openSession(world: World, on: string | undefined): CliSession {
  if (on === undefined) return new CliSession(world, 'main', streams);
  if (world.topology().hosts.some((host) => host.id === on)) world.openSession('on', { host: on });
  else {
    const [first, second] = on.includes('/') ? (on.split('/') as [string, string]) : ['pod', on];
    const namespace = first === 'pod' ? 'default' : first;
    if (!world.topology().netnses.some((netns) => netns.type === 'pod' && netns.title === second && netns.namespace === namespace))
      throw new Error(`there is no host or running pod "${on}"`);
    world.openSession('on', { namespace, pod: second });
  }
  return new CliSession(world, 'on', streams);
}

let interrupts = 0;
function interrupted(): boolean {
  const was = interrupts > 0;
  interrupts = 0;
  return was;
}

async function runCommands(session: CliSession, commands: readonly string[]): Promise<number> {
  let exitCode = 0;
  for (const command of commands) {
    exitCode = await session.run(command, interrupted);
    // A command line given whole has no next line: an open quote is an error, not a question.
    if (session.world.sessions().some((one) => one.id === session.id && one.prompt === '> ')) exitCode = await session.run(END_OF_INPUT, interrupted);
  }
  return exitCode;
}

async function interactive(session: CliSession): Promise<number> {
  const prompt = () => session.world.sessions().find((one) => one.id === session.id)?.prompt ?? '$ ';
  const reader = createInterface({
    input: process.stdin,
    output: process.stdout,
    completer: (line: string): [string[], string] => {
      const found = session.world.complete(session.id, line, line.length);
      return [[...found.candidates], line.slice(found.start)];
    },
  });
  reader.on('SIGINT', () => {
    interrupts += 1;
    reader.write(null, { ctrl: true, name: 'u' });
    process.stdout.write(`^C\n${prompt()}`);
  });
  let exitCode = 0;
  reader.setPrompt(prompt());
  reader.prompt();
  for await (const line of reader) {
    exitCode = await session.run(line, interrupted);
    if (session.world.depth(session.id) === 0) break;
    reader.setPrompt(prompt());
    reader.prompt();
  }
  reader.close();
  return exitCode;
}

/** The command that makes the request of `trace --from … --to …`. */
function requestLine(from: string, to: string): { readonly on: string; readonly line: string } {
  const url = /^[a-z]+:\/\//.test(to) ? to : `http://${to}`;
  if (!/^https?:\/\/[^\s'"\\]+$/.test(url)) throw new Error(`--to takes an http URL or host:port, not ${to}`);
  return { on: from, line: `curl -sS -m 10 '${url}'` };
}

async function trace(world: World, options: CliOptions): Promise<number> {
  const { on, line } = requestLine(options.from ?? '', options.to ?? '');
  const session = openSession(world, on);
  if (!options.json) return session.run(`trace ${line}`, interrupted);
  const from = world.headSeq;
  const silent = new CliSession(world, session.id, { out: () => undefined, err: streams.err });
  const exitCode = await silent.run(line, interrupted);
  for (const hop of world.hops(from, world.headSeq)) streams.out(`${hopJson(hop)}\n`);
  return exitCode;
}

async function pcap(world: World, options: CliOptions): Promise<number> {
  const { id } = openSession(world, options.on);
  const toStdout = options.output === '-';
  const session = new CliSession(world, id, toStdout ? { out: streams.err, err: streams.err } : streams);
  const filter = options.words.join(' ');
  const interfaces = options.interfaces.length === 0 ? ['any'] : options.interfaces;
  // A wrong device or filter is told before anything runs.
  const check = capture(world, { interfaces, filter, from: 0, to: 0 });
  if (!check.ok) throw new Error(check.message);
  const from = world.headSeq;
  const exitCode = await runCommands(session, options.commands);
  const result = capture(world, { interfaces, filter, from, to: world.headSeq });
  if (!result.ok) throw new Error(result.message);
  if (toStdout) process.stdout.write(result.bytes);
  else writeFileSync(options.output ?? '', result.bytes);
  streams.err(`${result.packets} packet${result.packets === 1 ? '' : 's'} captured\n`);
  return exitCode;
}

/** The file lies in the world like any other; `replay` there does the rest. */
async function replay(world: World, options: CliOptions): Promise<number> {
  const [file = '', ...rest] = options.words;
  const { id } = openSession(world, options.on);
  const session = new CliSession(world, id, streams);
  const name = basename(file).replace(/[^A-Za-z0-9._-]/g, '_');
  const problem = world.bring(id, name, readFileSync(file).toString('base64'));
  if (problem !== undefined) throw new Error(problem);
  const from = world.headSeq;
  const exitCode = await runCommands(session, [...options.commands, `replay ${[name, ...rest].join(' ')}`]);
  const hops = rest.some((word) => /^\d+$/.test(word)) ? world.hops(from, world.headSeq) : [];
  for (const hop of hops)
    if (options.json) streams.out(`${hopJson(hop)}\n`);
    else if (!hop.background) streams.out(`${hop.where}  ${hop.title}\n`);
  if (options.output !== undefined) {
    const interfaces = options.interfaces.length === 0 ? ['any'] : options.interfaces;
    const result = capture(world, { interfaces, from, to: world.headSeq });
    if (!result.ok) throw new Error(result.message);
    writeFileSync(options.output, result.bytes);
  }
  return exitCode;
}

/** Commands come first, so that the script builds what they made (`kubectl scale …`); what they print goes to stderr. */
async function exportScript(world: World, options: CliOptions): Promise<number> {
  if (options.commands.length > 0) {
    const { id } = openSession(world, options.on);
    const session = new CliSession(world, id, { out: streams.err, err: streams.err });
    const exitCode = await runCommands(session, options.commands);
    if (exitCode !== 0) return exitCode;
  }
  const probes = probesFor(world);
  streams.out(exportNetns(world.records.values(), probes));
  return 0;
}

/** Serves until Ctrl-C. */
async function serveWorld(world: World, options: CliOptions): Promise<number> {
  const serving = await serve(world, options.port);
  streams.out(`API server on ${serving.url} (this machine only; nothing is stored)\nkubectl --server=${serving.url} get pods -A\n`);
  while (!interrupted()) await new Promise((resolve) => setTimeout(resolve, 100));
  await serving.close();
  return 0;
}

/** What the first commands print is not shown; the last one's packets are. */
async function compare(options: CliOptions, packageRoot: string): Promise<number> {
  let exitCode = 0;
  const runs = [];
  for (const name of options.words) {
    const world = openWorld({ ...options, files: [name] }, packageRoot);
    const { id } = openSession(world, options.on);
    const session = new CliSession(world, id, { out: () => undefined, err: streams.err });
    exitCode = Math.max(exitCode, await runCommands(session, options.commands.slice(0, -1)));
    const from = world.headSeq;
    exitCode = Math.max(exitCode, await runCommands(session, options.commands.slice(-1)));
    const hops = world.hops(from, world.headSeq).filter((hop) => !hop.background);
    runs.push({ name, hops, topology: world.topology() });
  }
  const [left, right] = runs;
  if (left !== undefined && right !== undefined) streams.out(compareText(left, right));
  return exitCode;
}

/** Commands come first; what they print goes to stderr, policies to stdout. */
async function suggest(world: World, options: CliOptions): Promise<number> {
  const { id } = openSession(world, options.on);
  const exitCode = await runCommands(new CliSession(world, id, { out: streams.err, err: streams.err }), options.commands);
  const namespaces = options.words.length === 0 ? ['default'] : options.words;
  const found = namespaces.map((namespace) => suggestPolicies(world, { namespace }));
  for (const { nameless } of found) for (const name of nameless) streams.err(`kubehop: ${name} has no labels that a policy could name\n`);
  const policies = found.flatMap((one) => one.policies);
  if (policies.length === 0) throw new Error(`there are no pods with labels in ${namespaces.join(', ')}`);
  streams.out(
    policies.map(({ text, seen }) => `${seen.length === 0 ? '# nothing was seen' : seen.map((line) => `# ${line}`).join('\n')}\n${text}`).join('---\n'),
  );
  return exitCode;
}

/** TAP version 14, or JSON Lines. Commands come first; what they print goes to stderr. */
async function test(world: World, options: CliOptions): Promise<number> {
  if (options.commands.length > 0) {
    const { id } = openSession(world, options.on);
    await runCommands(new CliSession(world, id, { out: streams.err, err: streams.err }), options.commands);
  }
  const results = checkExpectations(world);
  if (results.length === 0) throw new Error('there is no kind: Expectation in the files');
  streams.out(options.json ? results.map((one) => `${JSON.stringify(expectationJson(one))}\n`).join('') : formatTap(results));
  return results.every((one) => one.pass) ? 0 : 1;
}

async function runVerb(world: World, options: CliOptions): Promise<number> {
  if (options.verb === 'trace') return await trace(world, options);
  if (options.verb === 'pcap') return await pcap(world, options);
  if (options.verb === 'replay') return await replay(world, options);
  if (options.verb === 'serve') return await serveWorld(world, options);
  if (options.verb === 'test') return await test(world, options);
  if (options.verb === 'suggest') return await suggest(world, options);
  if (options.verb === 'export-netns') return await exportScript(world, options);
  const session = openSession(world, options.on);
  if (options.commands.length > 0) {
    const from = world.headSeq;
    const exitCode = await runCommands(session, options.commands);
    if (options.json) for (const hop of world.hops(from, world.headSeq)) streams.out(`${hopJson(hop)}\n`);
    return exitCode;
  }
  if (process.stdin.isTTY) return await interactive(session);
  if (options.files.includes('-')) return 0;
  let exitCode = 0;
  for await (const line of createInterface({ input: process.stdin })) exitCode = await session.run(line, interrupted);
  return exitCode;
}

/** Runs the command line; resolves with the exit code. */
export async function main(argv: readonly string[], packageRoot: string): Promise<number> {
  if (argv[0] === 'recorded') {
    try {
      return recorded(argv.slice(1), streams);
    } catch (error) {
      streams.err(`kubehop: ${error instanceof Error ? error.message : String(error)}\n`);
      return 1;
    }
  }
  const parsed = parseArguments(argv);
  if (parsed.kind === 'text') {
    streams[parsed.stream === 'stdout' ? 'out' : 'err'](parsed.text);
    return parsed.exitCode;
  }
  const { options } = parsed;
  // `kubehop … | head`: the reader has seen enough.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  process.on('SIGINT', () => {
    interrupts += 1;
    // The first one is the program's; whoever means it twice gets out.
    if (interrupts > 2) process.exit(130);
  });
  try {
    if (options.verb === 'compare') return await compare(options, packageRoot);
    const world = openWorld(options, packageRoot);
    const exitCode = await runVerb(world, options);
    const keyLog = options.keyLog ?? process.env.SSLKEYLOGFILE;
    // Libraries add to the file, too.
    if (keyLog !== undefined && keyLog !== '') appendFileSync(keyLog, world.engine.tlsKeys(0, world.headSeq));
    return exitCode;
  } catch (error) {
    streams.err(`kubehop: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}
