/** How a pod was plugged into its network: each program that ran, what it read and answered, and the files on its node. */
import { useEffect, useState } from 'react';
import type { PlugStepView, PlugView } from '../../world/plug-view.ts';
import { withKeys } from '../shell/with-keys.ts';
import { useMirror, usePlayground } from '../state/context.ts';
import styles from './PlugPane.module.css';

function usePlug(objectKey: string, open: boolean): PlugView | null | undefined {
  const { client } = usePlayground();
  const topology = useMirror((mirror) => mirror.topology);
  const [view, setView] = useState<PlugView | null | undefined>(undefined);
  useEffect(() => {
    // Asked again when boxes change.
    void topology;
    if (!open) return;
    let alive = true;
    client.call('plug', objectKey).then(
      (next) => {
        if (alive) setView(next);
      },
      () => undefined,
    );
    return () => {
      alive = false;
    };
  }, [client, objectKey, open, topology]);
  return view;
}

function Files({ node, files }: { readonly node: string; readonly files: readonly string[] }) {
  const playground = usePlayground();
  if (files.length === 0) return null;
  const show = (path: string) => {
    const main = playground.mirror.getState().sessions.find((one) => one.id === 'main');
    playground.session.setState({ pane: 'terminal' });
    void playground.run('main', main?.netns === `${node}/netns/root` ? `cat ${path}` : `ssh ${node} cat ${path}`);
  };
  return (
    <p className={styles.files}>
      {files.map((path) => (
        <button key={path} type="button" title={`cat ${path} on ${node}`} onClick={() => show(path)}>
          {path}
        </button>
      ))}
    </p>
  );
}

function Step({ step, node }: { readonly step: PlugStepView; readonly node: string }) {
  return (
    <li style={{ marginInlineStart: `${step.depth * 14}px` }} data-plugin={step.reads !== undefined}>
      <p>
        <b>{step.who}</b> {step.does}
      </p>
      <Files node={node} files={step.files} />
      {step.reads === undefined ? null : (
        <details>
          <summary>what it reads and answers</summary>
          <p className={styles.what}>From its standard input</p>
          <pre>{step.reads}</pre>
          <p className={styles.what}>Its answer</p>
          <pre>{step.answers}</pre>
        </details>
      )}
    </li>
  );
}

export function PlugPane({ objectKey }: { readonly objectKey: string }) {
  const [open, setOpen] = useState(false);
  const view = usePlug(objectKey, open);
  return (
    <details className={styles.pane} onToggle={(event) => event.target === event.currentTarget && setOpen(event.currentTarget.open)}>
      <summary>How it was plugged in (CNI)</summary>
      {view === undefined ? (
        <p className={styles.quiet}>Looking …</p>
      ) : view === null ? (
        <p className={styles.quiet}>It has no network of its own: it uses its node’s, or it has no node yet.</p>
      ) : (
        <>
          <ol className={styles.steps}>
            {withKeys(view.steps, (step) => `${step.who} ${step.does}`).map(({ key, item }) => (
              <Step key={key} step={item} node={view.node} />
            ))}
          </ol>
          {view.waiting === undefined ? null : (
            <p className={styles.waiting}>
              <b>Still waiting.</b> {view.waiting}
            </p>
          )}
          {view.environment.length === 0 ? null : (
            <details className={styles.environment}>
              <summary>the environment of each plugin</summary>
              <pre>{view.environment.map(([name, value]) => `${name}=${value}\n`).join('')}</pre>
            </details>
          )}
          {view.removal.length === 0 ? null : <p className={styles.quiet}>At the end of the pod the runtime calls DEL: {view.removal.join(', then ')}.</p>}
        </>
      )}
    </details>
  );
}
