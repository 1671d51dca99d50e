/** A world small enough for tests of the shell alone: records that a test puts, an engine that only knows `sleep` and `say`, objects from a list. */
import { Prng } from '../../base/prng.ts';
import { RecordStore } from '../../base/record-store.ts';
import type { AddressView, Engine } from '../../net/engine.ts';
import type { NetRecord } from '../../net/records.ts';
import type { Api } from '../../objects/api.ts';
import { type KubeObject, objectKey, type StoreView } from '../../objects/types.ts';
import type { ShellHost } from '../../world/shell-host.ts';
import type { Program } from '../command.ts';
import { commands } from '../commands.ts';
import { filters, hooks, watches } from '../hooks.ts';
import { ShellSessions } from '../shell.ts';
import { withPrograms } from '../tools/programs.ts';

interface FakeProcess {
  readonly app: string;
  readonly config: unknown;
  endsAtNs: number;
}

/** Programs of the fake engine: `sleep SECONDS`, `say WORD…` (prints and ends at once), `talk` (prints a line a second until interrupted). */
export const fakePrograms: ReadonlyMap<string, Program> = new Map<string, Program>([
  ['sleep', { app: 'sleep', parse: (argv) => ({ ok: true, config: { seconds: Number(argv[0]) } }), endless: () => false, savesTo: () => undefined }],
  ['say', { app: 'say', parse: (argv) => ({ ok: true, config: argv }), endless: () => false, savesTo: () => undefined }],
  ['talk', { app: 'talk', parse: () => ({ ok: true, config: undefined }), endless: () => true, savesTo: () => undefined }],
]);

const origin = { component: 'kernel', objects: [] };

export function viewOf(objects: readonly KubeObject[]): StoreView {
  const list = <T extends KubeObject>(kind: string, namespace?: string): readonly T[] =>
    objects.filter((object): object is T => object.kind === kind && (namespace === undefined || object.metadata.namespace === namespace));
  return {
    nowNs: 0,
    find: <T extends KubeObject>(key: string) => objects.find((object): object is T => objectKey(object) === key),
    list,
    select: <T extends KubeObject>(kind: string, namespace: string, labels: Readonly<Record<string, string>>) =>
      list<T>(kind, namespace).filter((object) => Object.entries(labels).every(([key, value]) => object.metadata.labels?.[key] === value)),
    owned: <T extends KubeObject>(kind: string, uid: string) =>
      list<T>(kind).filter((object) => object.metadata.ownerReferences?.some((owner) => owner.uid === uid && owner.controller === true)),
    indexed: (index, value) =>
      new Set(
        list(index.kind)
          .filter((object) => index.values(object).includes(value))
          .map(objectKey),
      ),
  };
}

/** As written: the fake kernel gives no addresses of its own. */
function addressesOf(record: NetRecord | undefined): readonly AddressView[] {
  if (record?.kind !== 'device') return [];
  const flags = { tentative: false, duplicate: false, deprecated: false, noDad: false, derived: false, secondary: false };
  return record.addresses.map(({ ip, prefixLength, broadcast, scope }) => {
    return { family: ip.includes(':') ? 'inet6' : 'inet', ip, prefixLength, scope, ...(broadcast === undefined ? {} : { broadcast }), ...flags };
  });
}

export class FakeWorld {
  readonly records = new RecordStore<NetRecord>();
  nowNs = 0;
  objects: KubeObject[] = [];
  readonly printed: { readonly session: string; readonly stream: 'stdout' | 'stderr'; readonly text: string }[] = [];
  readonly files: { readonly path: string; readonly text: string }[] = [];
  readonly shell: ShellSessions;
  readonly host: ShellHost;
  engineParts: Partial<Engine> = {};
  #processes = new Map<string, FakeProcess>();

  constructor() {
    for (const name of ['controlplane', 'node01']) {
      this.records.put({ kind: 'host', id: name, origin, name, role: 'node' });
      this.records.put({
        kind: 'netns',
        id: `${name}/netns/root`,
        origin,
        hostId: name,
        name: 'root',
        hostname: name,
        sysctls: { 'net.ipv4.ip_forward': 1 },
        files: {},
      });
    }
    this.host = this.#host();
    this.shell = new ShellSessions(this.host, {
      commands: withPrograms(commands, fakePrograms),
      filters,
      watches,
      hooks,
      programs: fakePrograms,
      podFiles: new Map(),
    });
    this.shell.open('main', { host: 'controlplane' });
  }

  #host(): ShellHost {
    const world = this;
    const engine = new Proxy({} as Engine, {
      get: (_target, name) => {
        if (name === 'records') return world.records;
        if (name === 'nowNs') return world.nowNs;
        if (name === 'spawn')
          return (process: { readonly netns: string; readonly app: string; readonly name: string; readonly config: unknown }) => world.#spawn(process);
        if (name === 'signal') return (id: string, signal: string) => world.#signal(id, signal);
        if (name === 'findProcess') return (id: string) => (world.#processes.has(id) ? { id, running: true } : undefined);
        if (name === 'writeStdin') return () => undefined;
        if (name === 'traceLength') return 0;
        if (name === 'addresses') return (id: string) => addressesOf(world.records.find(id));
        if (name === 'derivedRoutes' && world.engineParts.derivedRoutes === undefined) return () => [];
        if (name === 'linkdownDevices' && world.engineParts.linkdownDevices === undefined) return () => new Set();
        return world.engineParts[name as keyof Engine];
      },
    });
    return {
      get nowNs() {
        return world.nowNs;
      },
      epochMs: Date.UTC(2026, 10, 22, 22, 47, 44),
      engine,
      get api(): Api {
        return { view: viewOf(world.objects), kinds: [], findKind: () => undefined, settle: () => ({ rounds: 0, diagnostics: [] }) } as unknown as Api;
      },
      prng: new Prng(1),
      files: this.files,
      print: (session, stream, text) => this.printed.push({ session, stream, text }),
      applyText: (_file, text) => ({ lines: [{ stream: 'stdout', text: `applied ${text.length} characters\n` }], exitCode: 0, diagnostics: [] }),
      settle: () => undefined,
      report: () => undefined,
      hops: () => [],
    };
  }

  #spawn(process: { readonly netns: string; readonly app: string; readonly name: string; readonly config: unknown }): string {
    const id = `${process.netns}/process/${process.name}`;
    if (process.app === 'say') {
      this.shell.output(id, 'stdout', `${(process.config as readonly string[]).join(' ')}\n`, 0);
      this.shell.output(id, 'exit', '', 0);
      return id;
    }
    const seconds = process.app === 'sleep' ? (process.config as { readonly seconds: number }).seconds : 1;
    this.#processes.set(id, { app: process.app, config: process.config, endsAtNs: this.nowNs + seconds * 1e9 });
    return id;
  }

  #signal(id: string, signal: string): void {
    const process = this.#processes.get(id);
    this.#processes.delete(id);
    if (process === undefined || signal === 'SIGKILL') return;
    if (process.app === 'talk') this.shell.output(id, 'stderr', 'that was all\n', 0);
    this.shell.output(id, 'exit', '', process.app === 'talk' ? 0 : 130);
  }

  get running(): number {
    return this.#processes.size;
  }

  /** Lets virtual time pass: sleeps end, talkers talk. */
  advance(seconds: number): void {
    const until = this.nowNs + seconds * 1e9;
    for (let i = 0; i < 10_000; i += 1) {
      const next = [...this.#processes].toSorted(([, a], [, b]) => a.endsAtNs - b.endsAtNs)[0];
      if (next === undefined || next[1].endsAtNs > until) break;
      const [id, process] = next;
      this.nowNs = process.endsAtNs;
      if (process.app === 'talk') {
        process.endsAtNs += 1e9;
        this.shell.output(id, 'stdout', `tick ${this.nowNs / 1e9}\n`, 0);
      } else {
        this.#processes.delete(id);
        this.shell.output(id, 'exit', '', 0);
      }
    }
    this.nowNs = until;
  }

  /** Types a line; returns what was printed on both streams since. */
  run(line: string, session = 'main'): string {
    const from = this.printed.length;
    this.shell.input(session, line);
    return this.since(from, session);
  }

  since(from: number, session = 'main'): string {
    return this.printed
      .slice(from)
      .filter((entry) => entry.session === session)
      .map((entry) => entry.text)
      .join('');
  }

  prompt(session = 'main'): string {
    return this.shell.sessions().find((view) => view.id === session)?.prompt ?? '';
  }
}
