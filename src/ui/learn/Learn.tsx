/** Learn: the catalogue of lessons, or a lesson's step beside the living cluster. */
import { Fragment, useEffect, useRef, useState } from 'react';
import { ScrollRegion } from '../shell/ScrollRegion.tsx';
import { usePlayground } from '../state/context.ts';
import { newDocumentId } from '../state/new-id.ts';
import { loadExampleOpening } from '../state/start.ts';
import { type LessonEntry, loadCatalogue, loadScenarios } from './catalogue.ts';
import styles from './Learn.module.css';
import { StepBlocks } from './StepBlocks.tsx';
import type { Scenario } from './scenario.ts';
import { useLesson } from './use-lesson.ts';

type CatalogueEntry = LessonEntry & { readonly goals: readonly string[]; readonly steps: number };

/** What people run into, by topic; a click opens the broken world and its text. */
function Scenarios() {
  const playground = usePlayground();
  const [scenarios, setScenarios] = useState<readonly Scenario[]>([]);
  useEffect(() => {
    let alive = true;
    loadScenarios().then(
      (loaded) => {
        if (alive) setScenarios(loaded);
      },
      () => undefined,
    );
    return () => {
      alive = false;
    };
  }, []);
  const open = async (slug: string) => {
    const opening = await loadExampleOpening(slug, newDocumentId).catch(() => undefined);
    if (opening === undefined) playground.notify('This world could not be fetched; try again when you are connected.', 'problem');
    else await playground.open(opening);
  };
  return scenarios.map((scenario, index) => (
    <Fragment key={scenario.slug}>
      {scenario.topic === scenarios[index - 1]?.topic ? null : <h2>What goes wrong: {scenario.topic}</h2>}
      <button type="button" className={styles.card} onClick={() => void open(scenario.slug)}>
        <strong>{scenario.title}</strong>
        <span>{scenario.symptom}</span>
      </button>
    </Fragment>
  ));
}

function Catalogue() {
  const { session, storage } = usePlayground();
  const [entries, setEntries] = useState<readonly CatalogueEntry[] | undefined>(undefined);
  const [reached, setReached] = useState<ReadonlyMap<string, number>>(new Map());
  useEffect(() => {
    let alive = true;
    const load = async () => {
      const catalogue = await loadCatalogue();
      const steps = new Map<string, number>();
      for (const entry of catalogue) {
        const value = await storage.get(`lesson/${entry.id}`).catch(() => undefined);
        if (typeof value === 'object' && value !== null && 'step' in value && typeof value.step === 'number') steps.set(entry.id, value.step);
      }
      if (!alive) return;
      setEntries(catalogue);
      setReached(steps);
    };
    load().catch(() => {
      if (alive) setEntries([]);
    });
    return () => {
      alive = false;
    };
  }, [storage]);
  return (
    <div className={styles.page}>
      <h2>Lessons</h2>
      {entries === undefined ? <p>Opening …</p> : null}
      <button type="button" className={styles.card} onClick={() => session.setState({ dialog: 'compare' })}>
        <strong>Two roads side by side</strong>
        <span>The same request over an overlay and over the network below: every hop, every byte, and who must know the way.</span>
      </button>
      {entries?.map((entry) => {
        const step = reached.get(entry.id) ?? 0;
        return (
          <button
            key={entry.id}
            type="button"
            className={styles.card}
            onClick={() => session.setState({ lesson: entry.id, lessonStep: step >= entry.steps - 1 ? 0 : step })}
          >
            <strong>{entry.title}</strong>
            <span className={styles.meta}>
              {entry.level} · {entry.minutes} minutes · {entry.steps} steps{step > 0 ? ` · you were at ${step + 1}` : ''}
            </span>
            <span>{entry.goals.join(' ')}</span>
          </button>
        );
      })}
      <Scenarios />
    </div>
  );
}

export function Learn() {
  const player = useLesson();
  const { lesson, step, index } = player;
  const { session } = usePlayground();
  const chosen = session.getState().lesson !== undefined;
  const top = useRef<HTMLElement>(null);
  useEffect(() => {
    if (index >= 0) top.current?.scrollTo(0, 0);
  }, [index]);
  if (!chosen) return <Catalogue />;
  if (lesson === undefined || step === undefined) {
    return (
      <div className={styles.page}>
        <p>{player.problem ?? 'Opening …'}</p>
        <button type="button" onClick={player.close}>
          All lessons
        </button>
      </div>
    );
  }
  const last = index === lesson.steps.length - 1;
  return (
    <section className={styles.lesson} aria-label={`Lesson: ${lesson.title}`}>
      <ScrollRegion className={styles.scroll} ref={top} label={step.title}>
        <p className={styles.over}>
          {lesson.title} · {index + 1} of {lesson.steps.length}
        </p>
        <h2>{step.title}</h2>
        {player.otherWorld ? (
          <div className={styles.other}>
            This is about another cluster than the one you have open. Yours stays saved.
            <button type="button" onClick={() => void player.freshWorld()}>
              Open its cluster
            </button>
          </div>
        ) : null}
        <StepBlocks player={player} />
      </ScrollRegion>
      <nav className={styles.steps} aria-label="Steps">
        <button type="button" onClick={index === 0 ? player.close : () => player.go(index - 1)}>
          {index === 0 ? 'All lessons' : 'Back'}
        </button>
        <progress className={styles.progress} aria-label="Progress" max={lesson.steps.length} value={index + 1} />
        <button
          type="button"
          className={styles.primary}
          onClick={last ? () => session.setState({ mode: 'play', lesson: undefined, lessonStep: 0 }) : () => player.go(index + 1)}
        >
          {last ? 'Done: play' : 'Next'}
        </button>
      </nav>
    </section>
  );
}
