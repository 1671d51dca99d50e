/** What became of the text: applied, or which errors keep the last good world running; and the list of them. */
import { useState } from 'react';
import type { Diagnostic } from '../../base/diagnostic.ts';
import { withKeys } from '../shell/with-keys.ts';
import { useDocument, useMirror, usePlayground, useSession } from '../state/context.ts';
import styles from './Editor.module.css';

const MAX_LISTED = 100;
const signs = { error: '✕', warning: '△', info: 'i' } as const;

const countOf = (count: number, word: string) => `${count} ${word}${count === 1 ? '' : 's'}`;

function Problem({ diagnostic }: { readonly diagnostic: Diagnostic }) {
  const playground = usePlayground();
  const { span, severity, message, hint } = diagnostic;
  const place = span === undefined ? '' : `${span.file}:${span.startLine}:${span.startColumn}`;
  return (
    <li>
      <button
        type="button"
        className={styles.problem}
        disabled={span === undefined}
        onClick={() => {
          if (span !== undefined) playground.revealPlace(span.file, span.startOffset, span.endOffset);
        }}
      >
        <span className={styles.sign} data-severity={severity} role="img" aria-label={severity}>
          {signs[severity]}
        </span>
        <span>
          {message}
          {hint === undefined ? null : <span className={styles.hint}> {hint}</span>}
          {place === '' ? null : <span className={styles.place}> {place}</span>}
        </span>
      </button>
    </li>
  );
}

export function Status() {
  const said = useMirror((mirror) => mirror.diagnostics);
  const lint = useMirror((mirror) => mirror.lint);
  const diagnostics = lint.length === 0 ? said : [...said, ...lint];
  const running = useMirror((mirror) => mirror.status);
  const applying = useDocument((document) => document.applying);
  const writable = useSession((session) => session.writable);
  const [open, setOpen] = useState<boolean | undefined>(undefined);
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error');
  const warnings = diagnostics.filter((diagnostic) => diagnostic.severity === 'warning');
  const shown = open ?? errors.length > 0;
  const ordered = [...errors, ...warnings, ...diagnostics.filter((diagnostic) => diagnostic.severity === 'info')];
  const word = !writable
    ? 'read-only: open in another tab'
    : running === 'starting'
      ? 'starting …'
      : errors.length > 0
        ? `${countOf(errors.length, 'error')}, ${applying === 'refused' ? 'the last good world is running' : 'the rest is running'}`
        : applying === 'pending'
          ? 'applying …'
          : 'applied';
  return (
    <div className={styles.status}>
      {shown && ordered.length > 0 ? (
        <ul className={styles.problems} aria-label="Problems">
          {withKeys(ordered.slice(0, MAX_LISTED), (diagnostic) => `${diagnostic.code} ${diagnostic.span?.file ?? ''} ${diagnostic.message}`).map(
            ({ key, item }) => (
              <Problem key={key} diagnostic={item} />
            ),
          )}
          {ordered.length > MAX_LISTED ? <li className={styles.more}>… and {ordered.length - MAX_LISTED} more</li> : null}
        </ul>
      ) : null}
      <div className={styles.statusLine}>
        <span role="status" className={errors.length > 0 ? styles.refused : styles.applied} data-testid="apply-status">
          {word}
        </span>
        <span className={styles.tabHint}>Tab leaves · Ctrl M: Tab indents</span>
        {ordered.length > 0 ? (
          <button
            type="button"
            className={styles.toggleProblems}
            aria-expanded={shown}
            aria-label={`Problems: ${ordered.length}`}
            onClick={() => setOpen(!shown)}
          >
            {warnings.length > 0 ? countOf(warnings.length, 'warning') : errors.length > 0 ? '' : countOf(ordered.length, 'note')} {shown ? '▾' : '▴'}
          </button>
        ) : null}
      </div>
    </div>
  );
}
