/** Plays a lesson: where the reader is, what was predicted, run and checked; the canvas follows the steps. */
import { useCallback, useEffect, useState } from 'react';
import type { WorldDocument } from '../../world/document.ts';
import type { LinkTarget } from '../../world/views.ts';
import { usePlayground, useSession } from '../state/context.ts';
import { newDocumentId } from '../state/new-id.ts';
import { HIDDEN_SESSION, type Playground } from '../state/playground.ts';
import { loadExample } from '../state/scenario-worlds.ts';
import { loadExampleOpening } from '../state/start.ts';
import { loadLesson } from './catalogue.ts';
import { findHop } from './find-hop.ts';
import type { Lesson, LessonCheck, LessonStep } from './lesson.ts';

export interface CheckResult {
  readonly passed: boolean;
  readonly output: string;
}

export interface LessonPlayer {
  readonly lesson: Lesson | undefined;
  readonly problem: string | undefined;
  readonly index: number;
  readonly step: LessonStep | undefined;
  /** By step and block: the choice made. */
  readonly predictions: ReadonlyMap<string, number>;
  readonly ran: ReadonlySet<string>;
  readonly busy: boolean;
  readonly results: ReadonlyMap<string, readonly CheckResult[]>;
  /** The running world is not the lesson's. */
  readonly otherWorld: boolean;
  go(index: number): void;
  predict(block: number, choice: number): void;
  run(block: number, lines: readonly string[]): Promise<void>;
  check(block: number, checks: readonly LessonCheck[]): Promise<void>;
  freshWorld(): Promise<void>;
  close(): void;
}

const keyOf = (step: number, block: number) => `${step}.${block}`;

/** An object key, or the id of a netns or device. */
export function targetOf(focus: string): LinkTarget {
  if (focus.includes('/device/')) return { kind: 'device', id: focus };
  if (focus.includes('/netns/')) return { kind: 'netns', id: focus };
  return { kind: 'object', key: focus };
}

/** Does the output fit what the check asks for? */
export function passes(check: LessonCheck, exitCode: number, output: string): boolean {
  if (check.exit === 'nonzero' ? exitCode === 0 : check.exit !== undefined && exitCode !== check.exit) return false;
  return check.contains.every((text) => output.includes(text)) && !check.lacks.some((text) => output.includes(text));
}

async function runCheck(playground: Playground, check: LessonCheck): Promise<CheckResult> {
  const { mirror } = playground;
  if (!mirror.getState().sessions.some((session) => session.id === HIDDEN_SESSION)) {
    const host = mirror.getState().topology.hosts.find((one) => one.role === 'node');
    if (host === undefined) return { passed: false, output: 'There is no node to run the check on.' };
    await playground.client.call('openSession', HIDDEN_SESSION, { host: host.id });
  }
  const before = mirror.getState().terminalDropped + mirror.getState().terminal.length;
  const exitCode = await playground.run(HIDDEN_SESSION, check.run);
  const after = mirror.getState();
  const output = after.terminal
    .slice(Math.max(0, before - after.terminalDropped))
    .filter((entry) => entry.session === HIDDEN_SESSION && (entry.kind === 'stdout' || entry.kind === 'stderr'))
    .map((entry) => entry.text)
    .join('');
  return { passed: passes(check, exitCode, output), output };
}

/** The commands of the last step at or before `index` that has any. */
function linesBefore(lesson: Lesson, index: number): readonly string[] {
  for (let i = index; i >= 0; i -= 1) {
    const run = lesson.steps[i]?.blocks.find((block) => block.kind === 'run');
    if (run?.kind === 'run') return run.lines;
  }
  return [];
}

async function show(playground: Playground, lesson: Lesson, index: number): Promise<void> {
  const step = lesson.steps[index];
  if (step === undefined) return;
  if (step.lens !== undefined) playground.session.setState({ lens: step.lens });
  playground.session.setState({ selection: step.focus === undefined ? undefined : targetOf(step.focus), inspecting: 'hop' });
  const { seek } = step;
  if (seek === undefined || step.blocks.some((block) => block.kind === 'run')) return;
  let at = findHop(playground.playback.hops(), seek);
  if (at < 0) {
    // Opened in the middle: what earlier steps would have run comes first.
    for (const line of linesBefore(lesson, index)) await playground.run('main', line);
    at = findHop(playground.playback.hops(), seek);
  }
  if (at >= 0) playground.playback.seek(at);
}

export function useLesson(): LessonPlayer {
  const playground = usePlayground();
  const { session, storage } = playground;
  const id = useSession((state) => state.lesson);
  const index = useSession((state) => state.lessonStep);
  const [lesson, setLesson] = useState<Lesson | undefined>(undefined);
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const [predictions, setPredictions] = useState<ReadonlyMap<string, number>>(new Map());
  const [ran, setRan] = useState<ReadonlySet<string>>(new Set());
  const [results, setResults] = useState<ReadonlyMap<string, readonly CheckResult[]>>(new Map());
  const [busy, setBusy] = useState(false);
  const [keepWorld, setKeepWorld] = useState(false);
  /** The world the lesson is about, as it is at first. */
  const [wanted, setWanted] = useState<WorldDocument | undefined>(undefined);

  useEffect(() => {
    setLesson(undefined);
    setProblem(undefined);
    if (id === undefined) return;
    let alive = true;
    loadLesson(id).then(
      (parsed) => {
        if (!alive) return;
        setLesson(parsed?.lesson);
        if (parsed?.lesson === undefined)
          setProblem(parsed === undefined ? `There is no lesson “${id}”.` : (parsed.diagnostics[0]?.message ?? 'It cannot be read.'));
      },
      () => {
        if (alive) setProblem('The lesson could not be loaded.');
      },
    );
    return () => {
      alive = false;
    };
  }, [id]);

  useEffect(() => {
    setWanted(undefined);
    if (lesson === undefined) return;
    let alive = true;
    loadExample(lesson.world).then(
      (document) => {
        if (alive) setWanted(document);
      },
      () => undefined,
    );
    return () => {
      alive = false;
    };
  }, [lesson]);

  useEffect(() => {
    if (lesson === undefined) return;
    setKeepWorld(true);
    void show(playground, lesson, index);
    storage.set(`lesson/${lesson.id}`, { step: index, steps: lesson.steps.length }).catch(() => undefined);
  }, [playground, storage, lesson, index]);

  const go = useCallback((to: number) => session.setState({ lessonStep: Math.max(0, Math.min((lesson?.steps.length ?? 1) - 1, to)) }), [session, lesson]);

  const run = async (block: number, lines: readonly string[]) => {
    setBusy(true);
    for (const line of lines) await playground.run('main', line);
    setRan((before) => new Set(before).add(keyOf(index, block)));
    setBusy(false);
    const seek = lesson?.steps[index]?.seek;
    if (seek === undefined) return;
    const at = findHop(playground.playback.hops(), seek);
    if (at >= 0) playground.playback.seek(at);
  };

  const check = async (block: number, checks: readonly LessonCheck[]) => {
    setBusy(true);
    const found: CheckResult[] = [];
    for (const one of checks) found.push(await runCheck(playground, one));
    setResults((before) => new Map(before).set(keyOf(index, block), found));
    setBusy(false);
  };

  const freshWorld = async () => {
    const opening = lesson === undefined ? undefined : await loadExampleOpening(lesson.world, newDocumentId).catch(() => undefined);
    if (opening === undefined || lesson === undefined) return;
    await playground.open({ ...opening, lesson: { id: lesson.id, step: index + 1 }, firstMinute: false });
    await show(playground, lesson, index);
  };

  const texts = playground.document.getState().texts;
  const otherWorld =
    wanted !== undefined &&
    index === 0 &&
    keepWorld &&
    (texts.length !== wanted.files.length || wanted.files.some((file) => !texts.some((one) => one.path === file.path && one.text === file.text)));

  return {
    lesson,
    problem,
    index,
    step: lesson?.steps[index],
    predictions,
    ran,
    busy,
    results,
    otherWorld,
    go,
    predict: (block, choice) => setPredictions((before) => new Map(before).set(keyOf(index, block), choice)),
    run,
    check,
    freshWorld,
    close: () => session.setState({ lesson: undefined, lessonStep: 0 }),
  };
}
