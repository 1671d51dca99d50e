/** Ctrl K: type a few letters, choose with the arrows, Enter does it. */
import { useEffect, useMemo, useRef, useState } from 'react';
import type { LessonEntry } from '../learn/catalogue.ts';
import type { Scenario } from '../learn/scenario.ts';
import { Dialog } from '../shell/Dialog.tsx';
import { FindField, listId } from '../shell/FindField.tsx';
import { useMirror, usePlayground } from '../state/context.ts';
import { choose, type PaletteItem, paletteItems } from './items.ts';
import styles from './Palette.module.css';

const MAX_SHOWN = 40;

export function Palette({ onClose }: { readonly onClose: () => void }) {
  const playground = usePlayground();
  const topology = useMirror((mirror) => mirror.topology);
  const [lessons, setLessons] = useState<readonly LessonEntry[]>([]);
  const [worlds, setWorlds] = useState<readonly Pick<Scenario, 'slug' | 'title'>[]>([]);
  const [asking, setAsking] = useState<typeof import('../why/ask-items.ts')>();
  useEffect(() => {
    let alive = true;
    import('../why/ask-items.ts').then(
      (module) => {
        if (alive) setAsking(module);
      },
      () => undefined,
    );
    // Lessons come with the Learn pane's code; the palette works without them.
    import('../learn/catalogue.ts')
      .then(({ loadCatalogue, loadScenarios }) => Promise.all([loadCatalogue(), loadScenarios()]))
      .then(
        ([catalogue, scenarios]) => {
          if (!alive) return;
          setLessons(catalogue);
          setWorlds(scenarios);
        },
        () => undefined,
      );
    return () => {
      alive = false;
    };
  }, []);
  const items = useMemo(() => [...paletteItems(topology, lessons, worlds), ...(asking?.askItems(topology) ?? [])], [topology, lessons, worlds, asking]);
  const [letters, setLetters] = useState('');
  const [at, setAt] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const shown = asking?.typedQuestion(letters) ?? choose(items, letters, MAX_SHOWN);
  const active = Math.min(at, shown.length - 1);
  const act = (item: PaletteItem | undefined) => {
    if (item === undefined) return;
    onClose();
    item.act(playground);
  };
  const move = (to: number) => {
    setAt(to);
    list.current?.children[to]?.scrollIntoView({ block: 'nearest' });
  };
  return (
    <Dialog title="Go to anything, run anything" onClose={onClose} bare>
      <FindField
        className={styles.input}
        label="Search boxes, commands, switches and lessons"
        placeholder="A pod, a Service, a command, a lesson …"
        maxLength={400}
        name="palette"
        letters={letters}
        count={shown.length}
        active={active}
        onLetters={(next) => {
          setLetters(next);
          setAt(0);
        }}
        onMove={move}
        onTake={() => act(shown[active])}
      />
      <div className={styles.list} id={listId('palette')} role="listbox" aria-label="Found" ref={list} tabIndex={-1}>
        {shown.map((item, index) => (
          <button
            key={item.id}
            id={`palette-${index}`}
            type="button"
            role="option"
            tabIndex={-1}
            aria-selected={index === active}
            className={styles.item}
            onPointerMove={() => setAt(index)}
            onClick={() => act(item)}
          >
            <span className={styles.group}>{item.group}</span>
            <span className={styles.label}>{item.label}</span>
            <span className={styles.detail}>{item.detail}</span>
          </button>
        ))}
        {shown.length === 0 ? <p className={styles.none}>Nothing has these letters.</p> : null}
      </div>
    </Dialog>
  );
}
