/** A text to take away, with the button that copies it. */

import { useState } from 'react';
import { copyText } from '../shell/copy-text.ts';
import styles from './Share.module.css';

export function CopyField({ label, text, rows = 2 }: { readonly label: string; readonly text: string; readonly rows?: number }) {
  const [said, setSaid] = useState('');
  const copy = async (field: HTMLTextAreaElement | null) => {
    if (await copyText(text)) setSaid('Copied');
    else {
      field?.focus();
      field?.select();
      setSaid('Press Ctrl C');
    }
    setTimeout(() => setSaid(''), 2_500);
  };
  return (
    <div className={styles.copy}>
      <label>
        <span>{label}</span>
        <textarea readOnly rows={rows} value={text} spellCheck={false} onFocus={(event) => event.target.select()} />
      </label>
      <button type="button" onClick={(event) => void copy(event.currentTarget.parentElement?.querySelector('textarea') ?? null)}>
        <span aria-live="polite">{said === '' ? 'Copy' : said}</span>
      </button>
    </div>
  );
}
