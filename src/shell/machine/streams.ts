/** Where text goes and comes from: the terminal, pipes, files of a place. */
import type { ShellHost } from '../../world/shell-host.ts';
import { isNetConf, writeNetConf } from '../node-files.ts';
import { findSession, type Io, type Pipe, type ShellState, type Sink, type Source, type Task } from '../state.ts';

/** A pipe or a file may hold so many characters; more is a broken pipe or a full disk, and says so. */
export const MAX_STREAM_CHARACTERS = 8_000_000;

export function newPipe(state: ShellState): number {
  const id = state.nextId;
  state.nextId += 1;
  state.pipes.set(id, { text: '', closed: false, broken: false });
  return id;
}

/** False when nobody reads any more (SIGPIPE) or there is no room. */
export function writeSink(state: ShellState, host: ShellHost, sessionId: string, sink: Sink, text: string): boolean {
  if (text === '') return true;
  switch (sink.kind) {
    case 'terminal': {
      if (state.containers.has(sessionId)) {
        host.engine.print(sessionId, sink.stream, text);
        return true;
      }
      const session = findSession(state, sessionId);
      if (session !== undefined) session.atLineStart = text.endsWith('\n');
      host.print(sessionId, sink.stream, text);
      return true;
    }
    case 'pipe': {
      const pipe = state.pipes.get(sink.pipe);
      if (pipe === undefined || pipe.broken || pipe.text.length + text.length > MAX_STREAM_CHARACTERS) return false;
      pipe.text += text;
      return true;
    }
    case 'file': {
      const files = state.files.get(sink.key);
      const before = files?.get(sink.path) ?? '';
      if (files === undefined || before.length + text.length > MAX_STREAM_CHARACTERS) return false;
      files.set(sink.path, before + text);
      if (isNetConf(sink.path)) writeNetConf(host, sink.key, sink.path, before + text);
      return true;
    }
    case 'null':
      return true;
  }
}

/** What a source has for its reader now: text, or `end` when nothing more comes, or undefined to wait. */
export function readSource(state: ShellState, task: Task, source: Source): { readonly text: string; readonly end: boolean } | undefined {
  switch (source.kind) {
    case 'null':
      return { text: '', end: true };
    case 'text': {
      const text = source.read ? '' : source.text;
      source.read = true;
      return { text, end: true };
    }
    case 'pipe': {
      const pipe = state.pipes.get(source.pipe);
      return pipe === undefined ? { text: '', end: true } : take(pipe);
    }
    case 'terminal': {
      if (task.background) return { text: '', end: true };
      const session = findSession(state, task.session);
      if (session === undefined) return { text: '', end: true };
      const taken = take(session.typed);
      if (taken?.end === true) session.typed.closed = false;
      return taken;
    }
  }
}

function take(pipe: Pipe): { readonly text: string; readonly end: boolean } | undefined {
  if (pipe.text === '' && !pipe.closed) return undefined;
  const text = pipe.text;
  pipe.text = '';
  return { text, end: pipe.closed };
}

/** A task has ended: its readers see the end, its writers a broken pipe. */
export function closePipes(state: ShellState, task: Task): void {
  for (const id of task.writes) {
    const pipe = state.pipes.get(id);
    if (pipe !== undefined) pipe.closed = true;
  }
  for (const id of task.reads) {
    const pipe = state.pipes.get(id);
    if (pipe !== undefined) pipe.broken = true;
  }
}

export const terminalIo: Io = Object.freeze({
  stdin: Object.freeze({ kind: 'terminal' }),
  stdout: Object.freeze({ kind: 'terminal', stream: 'stdout' }),
  stderr: Object.freeze({ kind: 'terminal', stream: 'stderr' }),
} satisfies Io);
