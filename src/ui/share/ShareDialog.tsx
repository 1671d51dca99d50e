/** Share: a link that holds the whole world, the same as Markdown, and how long it is. */
import { useState } from 'react';
import { Dialog } from '../shell/Dialog.tsx';
import { useDocument, useSession } from '../state/context.ts';
import { CopyField } from './CopyField.tsx';
import { COMFORTABLE_LENGTH, pageAddress } from './links.ts';
import styles from './Share.module.css';
import { useFragment } from './use-fragment.ts';

const escapeMarkdown = (text: string) => text.replace(/[[\]\\]/g, '\\$&');

export function ShareDialog({ onClose }: { readonly onClose: () => void }) {
  const title = useDocument((document) => document.title);
  const [moment, setMoment] = useState(true);
  const shared = useFragment(moment);
  const view = useSession((session) => session.timelineView);
  const link = shared === undefined ? '' : `${pageAddress(location.href)}${moment && view !== 'hops' ? `?view=${view}` : ''}${shared.fragment}`;
  return (
    <Dialog title="Share" onClose={onClose}>
      <p className={styles.lead}>
        The link itself holds everything: files, what was typed, and where you stand. Nothing is uploaded; whoever opens it gets a copy.
      </p>
      <CopyField label="Link" text={link} rows={3} />
      <CopyField label="Markdown" text={link === '' ? '' : `[${escapeMarkdown(title)}](${link})`} />
      <p className={styles.length} data-testid="link-length">
        {link.length.toLocaleString('en')} characters.{' '}
        {link.length > COMFORTABLE_LENGTH
          ? 'Some chat programs cut links above 2,000; a cut link says so when it is opened. Or download the file under Documents.'
          : ''}
        {shared?.folded === true ? ' The history of your edits was folded into the files to keep it short.' : ''}
      </p>
      <label className={styles.option}>
        <input type="checkbox" checked={moment} onChange={(event) => setMoment(event.target.checked)} />
        Open at this hop, with this view, lens and selection
      </label>
    </Dialog>
  );
}
