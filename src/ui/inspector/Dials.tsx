/** Sliders for the numbers of the texts that decide how much goes where: each turn is written into its YAML, and can be undone. */
import { useEffect, useRef, useState } from 'react';
import type { Action } from '../../world/actions/action-views.ts';
import { useDocument, usePlayground, useSession } from '../state/context.ts';
import styles from './Dials.module.css';

/** A slider that moves on does not write each number it passes. */
const SETTLE_MS = 200;

function useDials(): readonly Action[] {
  const playground = usePlayground();
  const texts = useDocument((document) => (document.applying === 'applied' ? document.texts : undefined));
  const [dials, setDials] = useState<readonly Action[]>([]);
  useEffect(() => {
    if (texts === undefined) return;
    let alive = true;
    playground.client
      .call('actions', { kind: 'dials' })
      .then((found) => {
        if (alive) setDials(found);
      })
      .catch(() => undefined);
    return () => {
      alive = false;
    };
  }, [playground, texts]);
  return dials;
}

function Slider({ action }: { readonly action: Action }) {
  const playground = usePlayground();
  const writable = useSession((session) => session.writable);
  const { dial, title, because } = action;
  const [shown, setShown] = useState<number | undefined>(undefined);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const value = dial?.value;
  // What has been written is what the text says now.
  useEffect(() => {
    if (value !== undefined) setShown(undefined);
  }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  if (dial === undefined) return null;
  const write = async (wanted: number) => {
    const [turned] = await playground.client.call('actions', { kind: 'dial', id: dial.id, value: wanted });
    if (turned?.edit === undefined) return;
    const { file, before, after } = turned.edit;
    const now = () => playground.document.getState().texts.find((one) => one.path === file)?.text ?? null;
    const problem = now() === before ? playground.edits.setText(file, after) : `${file} has changed since; the slider was not written.`;
    if (problem !== undefined) {
      setShown(undefined);
      playground.notify(problem, 'problem');
      return;
    }
    playground.notify(`${turned.title}: written to ${file}.`, 'info', {
      label: 'Undo',
      act: () => {
        if (now() !== after) playground.notify(`${file} has changed since; undo it in the editor.`, 'problem');
        else playground.edits.setText(file, before ?? '');
      },
    });
  };
  const slide = (wanted: number) => {
    setShown(wanted);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => void write(wanted).catch(() => setShown(undefined)), SETTLE_MS);
  };
  const now = shown ?? dial.value;
  const text = `${now}${dial.unit === '' ? '' : dial.unit === '%' ? ' %' : dial.unit}`;
  return (
    <li className={styles.dial}>
      <label title={because}>
        <span className={styles.name}>{title}</span>
        <output className={styles.value}>{text}</output>
        <input
          type="range"
          min={dial.min}
          max={dial.max}
          step={1}
          value={now}
          disabled={!writable}
          aria-valuetext={text}
          onChange={(event) => slide(Number(event.target.value))}
        />
      </label>
      <p className={styles.because}>{because}</p>
    </li>
  );
}

/** Nothing where the texts have no such number; open where requests flow by themselves. */
export function Dials() {
  const dials = useDials();
  if (dials.length === 0) return null;
  return (
    <details className={styles.pane} open={dials.some(({ dial }) => dial?.unit === '/s')}>
      <summary>Shares and rates</summary>
      <ul className={styles.dials}>
        {dials.map((action) => (
          <Slider key={action.dial?.id} action={action} />
        ))}
      </ul>
    </details>
  );
}
