/** The file's text before Monaco is there: coloured, numbered, selectable, and looking the same. */
import { memo } from 'react';
import { withKeys } from '../shell/with-keys.ts';
import styles from './Editor.module.css';
import { highlightLine } from './highlight.ts';

/** More lines than this are shown by Monaco only. */
const MAX_LINES = 1_500;

export const StaticText = memo(function StaticText({ text }: { readonly text: string }) {
  const lines = text.split('\n');
  return (
    <pre className={styles.static}>
      {withKeys(lines.slice(0, MAX_LINES), (line) => line).map(({ key, item }) => (
        <span key={key} className={styles.staticLine}>
          {withKeys(highlightLine(item), (token) => token.text).map((token) => (
            <span key={token.key} className={styles[token.item.kind]}>
              {token.item.text}
            </span>
          ))}
          {'\n'}
        </span>
      ))}
      {lines.length > MAX_LINES ? `… ${lines.length - MAX_LINES} more lines` : null}
    </pre>
  );
});
