/** The lines of a text that a change touches, as they are and as they would be. */
import { ScrollRegion } from '../shell/ScrollRegion.tsx';
import { withKeys } from '../shell/with-keys.ts';
import { diffLines } from './diff-lines.ts';
import styles from './Why.module.css';

const SIGNS = { same: ' ', gone: '−', new: '+', gap: ' ' } as const;

export function Diff({ file, before, after }: { readonly file: string; readonly before: string; readonly after: string }) {
  return (
    <figure className={styles.diff}>
      <figcaption>{file}</figcaption>
      <ScrollRegion label={`Change of ${file}`} className={styles.diffScroll}>
        <pre>
          {withKeys(diffLines(before, after), (line) => `${line.kind} ${line.text}`).map(({ key, item }) => (
            <span key={key} className={styles.diffLine} data-kind={item.kind}>
              <span className="visually-hidden">{item.kind === 'gone' ? 'removed: ' : item.kind === 'new' ? 'added: ' : ''}</span>
              <span aria-hidden="true">{SIGNS[item.kind]} </span>
              {item.kind === 'gap' ? '…' : item.text}
              {'\n'}
            </span>
          ))}
        </pre>
      </ScrollRegion>
    </figure>
  );
}
