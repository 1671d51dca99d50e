/** A PlaygroundClient without a world, for work on the page: fixed boxes and hops, a terminal that answers, files that are kept. */

import type { PlaygroundClient, RequestName, Requests } from '../../worker/protocol.ts';
import type { WorldDocument } from '../../world/document.ts';
import type { HopView, Inspection, LinkTarget, SessionView, TerminalEntry, Topology, WorldUpdate } from '../../world/views.ts';

export interface FakeWorld {
  readonly topology: Topology;
  /** What each command's packets do. */
  readonly hops: readonly HopView[];
  /** Output of a command. */
  output(line: string): string;
  inspect(target: LinkTarget): Inspection | null;
}

export interface FakeClient extends PlaygroundClient {
  /** Names of the calls so far, in order. */
  readonly calls: readonly RequestName[];
  send(update: Partial<WorldUpdate>): void;
  /** Packets of a program that runs on. */
  happen(hops: readonly HopView[]): void;
}

const main: SessionView = { id: 'main', prompt: 'controlplane:~$ ', busy: false, endless: false, netns: 'controlplane/netns/root', title: 'controlplane' };

export function createFakeClient(world: FakeWorld): FakeClient {
  const listeners = new Set<(update: WorldUpdate) => void>();
  const calls: RequestName[] = [];
  let document: WorldDocument = { version: 1, seed: 1, files: [], inputs: [], positions: {} };
  let sessions: readonly SessionView[] = [main];
  let log: HopView[] = [];
  let revision = 0;
  const send = (update: Partial<WorldUpdate>) => {
    revision += 1;
    for (const listener of listeners) listener({ revision, nowNs: revision, headSeq: log.length, ...update });
  };
  const entry = (session: string, kind: TerminalEntry['kind'], text: string, seq: number): TerminalEntry => ({ session, timeNs: 0, seq, kind, text });
  const handlers: { readonly [N in RequestName]: (...args: Parameters<Requests[N]>) => ReturnType<Requests[N]> } = {
    open: (next) => {
      document = next;
      log = [];
      sessions = [main];
      send({ topology: world.topology, diagnostics: [], files: next.files, sessions, terminalReset: true });
      for (const input of next.inputs) if (input.kind === 'command') handlers.run(input.session, input.line);
      document = next;
      return { diagnostics: [] };
    },
    edit: (path, text) => {
      document = { ...document, inputs: [...document.inputs, { kind: 'edit', timeNs: revision, path, text }] };
      const broken = text?.includes('BROKEN') === true;
      const at = Math.max(0, text?.indexOf('BROKEN') ?? 0);
      const line = (text ?? '').slice(0, at).split('\n').length;
      const span = { file: path, startOffset: at, endOffset: at + 6, startLine: line, startColumn: 1, endLine: line, endColumn: 7 };
      send({
        diagnostics: broken
          ? [
              {
                severity: 'error',
                code: 'invalid-value',
                message: 'Service "web-service" is invalid: spec.ports[0].port: Invalid value: "BROKEN": must be an integer',
                span,
              },
            ]
          : [],
      });
      return { diagnostics: [], applied: !broken };
    },
    run: (session, line) => {
      const firstSeq = log.length;
      const endless = line.startsWith('ping');
      sessions = sessions.map((one) => (one.id === session ? { ...one, busy: endless, endless } : one));
      const added = /curl|nslookup/.test(line) ? world.hops.map((hop, index): HopView => ({ ...hop, event: { ...hop.event, seq: firstSeq + index } })) : [];
      log = [...log, ...added];
      document = { ...document, inputs: [...document.inputs, { kind: 'command', timeNs: revision, session, line }] };
      const prompt = sessions.find((one) => one.id === session)?.prompt ?? '';
      send({
        sessions,
        terminal: [
          entry(session, 'prompt', prompt, firstSeq),
          entry(session, 'command', line, firstSeq),
          entry(session, 'stdout', world.output(line), log.length),
        ],
      });
      return { exitCode: 0, firstSeq, lastSeq: log.length };
    },
    capture: () => ({ ok: true, bytes: new Uint8Array(), packets: 0 }),
    bytes: () => null,
    bring: () => null,
    edited: () => null,
    interrupt: (session) => {
      sessions = sessions.map((one) => (one.id === session ? { ...one, busy: false, endless: false } : one));
      send({ sessions });
      return null;
    },
    openSession: (id, at) => {
      const title = 'host' in at ? at.host : at.pod;
      sessions = [...sessions, { ...main, id, title, prompt: `${title}:~$ ` }];
      send({ sessions });
      return null;
    },
    closeSession: (id) => {
      sessions = sessions.filter((one) => one.id !== id);
      send({ sessions });
      return null;
    },
    complete: (_session, line, cursor) => ({ start: line.lastIndexOf(' ', cursor - 1) + 1, candidates: ['pods', 'podtemplates'] }),
    hops: (from, to) => log.slice(from, to),
    packets: () => [],
    inspect: (target) => world.inspect(target),
    moment: (atSeq) => ({ fromSeq: 0, toSeq: Math.max(atSeq + 1, log.length), nowNs: 0, topology: world.topology, files: [] }),
    branch: (atSeq) => {
      log = log.slice(0, atSeq + 1);
      send({ terminal: [], terminalReset: true });
      return { headSeq: log.length, files: document.files };
    },
    yamlComplete: () => [],
    yamlHover: () => null,
    yamlDefinition: () => [],
    yamlReferences: () => [],
    yamlRename: () => null,
    yamlOutline: () => [],
    yamlFormat: () => null,
    yamlFixes: () => [],
    yamlLint: () => [],
    yamlApplied: () => document.files,
    yamlImport: (files) => ({ files, objects: files.length, notes: [] }),
    objectAt: () => null,
    document: () => document,
    hold: () => null,
    reachPeers: () => [],
    probe: () => [],
    policyCells: () => [],
    policyLens: () => ({ sentence: '', enforced: false, openConnections: [], policies: 0, dialects: 0, by: 'label', groups: [], edges: [], beyond: 0 }),
    placeOf: () => null,
    ask: (question) => ({ question, reached: false, conclusion: [], rows: [] }),
    fixes: () => [],
    questionAt: () => null,
    expectations: () => [],
    hopContext: () => null,
    traffic: () => null,
    flows: () => ({ nowNs: 0, marks: [], devices: [] }),
    controlPlane: () => ({ revision: 0, watchers: [], steps: [] }),
    actions: () => [],
    plug: () => null,
    ping: () => null,
  };
  return {
    calls,
    send,
    happen: (hops) => {
      log = [...log, ...hops.map((hop, index): HopView => ({ ...hop, event: { ...hop.event, seq: log.length + index } }))];
      send({});
    },
    call: (name, ...args) => {
      calls.push(name);
      return Promise.resolve().then(() => (handlers[name] as (...given: typeof args) => ReturnType<Requests[typeof name]>)(...args));
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    lastDocument: () => document,
    onCrash: () => () => undefined,
    close: () => listeners.clear(),
  };
}
