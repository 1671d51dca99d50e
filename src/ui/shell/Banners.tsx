/** What the reader must know: nothing is saved, another tab writes, the simulation stopped; and passing notices. */
import { useEffect, useState } from 'react';
import { useMirror, usePlayground, useSession } from '../state/context.ts';
import { newDocumentId } from '../state/new-id.ts';
import type { Notice } from '../state/session.ts';
import { exampleOpening } from '../state/start.ts';
import { downloadWork } from './download.ts';
import { Icon } from './Icon.tsx';
import styles from './Shell.module.css';

const NOTICE_MS = 9_000;

function PassingNotice({ id, text, tone, offer }: Notice) {
  const playground = usePlayground();
  useEffect(() => {
    if (tone === 'problem') return;
    const timer = setTimeout(() => playground.dismiss(id), NOTICE_MS);
    return () => clearTimeout(timer);
  }, [playground, id, tone]);
  return (
    <div className={styles.notice} data-tone={tone} role={tone === 'problem' ? 'alert' : 'status'}>
      <span>{text}</span>
      {offer === undefined ? null : (
        <button
          type="button"
          className={styles.offer}
          onClick={() => {
            offer.act();
            playground.dismiss(id);
          }}
        >
          {offer.label}
        </button>
      )}
      <button type="button" aria-label="Dismiss" onClick={() => playground.dismiss(id)}>
        <Icon name="close" size={13} />
      </button>
    </div>
  );
}

export function Notices() {
  const notices = useSession((session) => session.notices);
  return (
    <div className={styles.notices}>
      {notices.map((notice) => (
        <PassingNotice key={notice.id} {...notice} />
      ))}
    </div>
  );
}

/** In somebody else's page a click may not be meant for this one. */
function FramedBanner() {
  const [seen, setSeen] = useState(false);
  if (seen || window.top === window.self) return null;
  return (
    <div className={styles.banner} role="status">
      <span>You see Kubehop inside of another page.</span>
      <a href={location.href} target="_blank" rel="noopener noreferrer">
        Open it in a tab of its own
      </a>
      <button type="button" onClick={() => setSeen(true)}>
        Stay here
      </button>
    </div>
  );
}

export function Banners() {
  const playground = usePlayground();
  const save = useSession((session) => session.save);
  const writable = useSession((session) => session.writable);
  const status = useMirror((mirror) => mirror.status);
  const problem = useMirror((mirror) => mirror.problem);
  const download = () => {
    const work = playground.work();
    if (work !== undefined) downloadWork(work);
  };
  const downloadButton = (
    <button type="button" onClick={download}>
      Download my work
    </button>
  );
  return (
    <>
      <FramedBanner />
      {status === 'failed' ? (
        <div className={styles.banner} data-tone="problem" role="alert">
          <span>The simulation is not running: {problem} Your texts are kept.</span>
          <button type="button" onClick={() => void playground.reopen()}>
            Try again
          </button>
          {downloadButton}
          <button
            type="button"
            onClick={() => {
              const opening = exampleOpening('article', newDocumentId);
              if (opening !== undefined) void playground.open(opening);
            }}
          >
            Open the article’s cluster
          </button>
        </div>
      ) : null}
      {writable ? null : (
        <div className={styles.banner} role="status">
          <span>This document is open in another tab. You can look and run commands here; changes are not saved.</span>
          <button type="button" onClick={() => playground.takeOver()}>
            Take over
          </button>
          {downloadButton}
        </div>
      )}
      {save.kind === 'failed' ? (
        <div className={styles.banner} data-tone="problem" role="alert">
          <span>{save.message}</span>
          {downloadButton}
          <button type="button" onClick={() => playground.session.setState({ dialog: 'share' })}>
            Share link
          </button>
        </div>
      ) : null}
    </>
  );
}
