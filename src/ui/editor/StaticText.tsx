/** The file's text before Monaco is there: coloured, numbered, selectable, and looking the same. */
import { memo } from 'react';
import { highlightLine } from './highlight.ts';
import styles from './Editor.module.css';

/** More lines than this are shown by Monaco only. */
const MAX_LINES = 1_500;

export const StaticText = memo(function StaticText({ text }: { readonly text: string }) {
  const lines = text.split('\n');
  return (
    <pre className={styles.static}>
      {lines.slice(0, MAX_LINES).map((line, index) => (
        // Lines have no identity of their own.
        <span key={`${index}`} className={styles.staticLine}>
          {highlightLine(line).map((token, at) => (
            <span key={`${at}`} className={styles[token.kind]}>
              {token.text}
            </span>
          ))}
          {'\n'}
        </span>
      ))}
      {lines.length > MAX_LINES ? `… ${lines.length - MAX_LINES} more lines` : null}
    </pre>
  );
});
