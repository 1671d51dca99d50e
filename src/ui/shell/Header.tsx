/** The bar on top: the world's name, the mode, the lens, and the doors out. */
import { useDocument, usePlayground, useSession } from '../state/context.ts';
import type { ThemeChoice } from '../state/session.ts';
import { Icon } from './Icon.tsx';
import { Segmented } from './Segmented.tsx';
import styles from './Shell.module.css';

const nextTheme: Readonly<Record<ThemeChoice, ThemeChoice>> = { system: 'light', light: 'dark', dark: 'system' };

export function Header({ narrow }: { readonly narrow: boolean }) {
  const playground = usePlayground();
  const { session } = playground;
  const title = useDocument((document) => document.title);
  const mode = useSession((state) => state.mode);
  const lens = useSession((state) => state.lens);
  const theme = useSession((state) => state.theme);
  const save = useSession((state) => state.save);
  const mac = /Mac|iPhone|iPad/.test(navigator.userAgent);
  return (
    <header className={styles.header}>
      <h1 className={styles.logo}>
        kube<span>hop</span>
      </h1>
      <button type="button" className={styles.world} title="Documents" onClick={() => session.setState({ dialog: 'documents' })}>
        {title}
        {save.kind === 'pending' ? <span className={styles.saving} title="saving" /> : null}
        <Icon name="down" size={12} />
      </button>
      <Segmented
        label="Mode"
        value={mode}
        options={[
          ['learn', 'Learn'],
          ['play', 'Play'],
          ['present', 'Present'],
        ]}
        onChange={(next) => session.setState({ mode: next, pane: 'canvas' })}
      />
      {narrow ? null : (
        <Segmented
          label="Lens"
          value={lens}
          options={[
            ['wires', 'Wires'],
            ['services', 'Services'],
            ['policy', 'Policy'],
          ]}
          onChange={(next) => session.setState({ lens: next })}
        />
      )}
      <span className={styles.grow} />
      <button
        type="button"
        className={styles.button}
        aria-label="Command palette"
        title="Go to anything, run anything"
        onClick={() => session.setState({ dialog: 'palette' })}
      >
        {narrow ? <Icon name="search" size={15} /> : mac ? '⌘K' : 'Ctrl K'}
      </button>
      <button type="button" className={styles.button} onClick={() => session.setState({ dialog: 'share' })}>
        Share
      </button>
      {narrow ? null : (
        <button type="button" className={styles.button} onClick={() => session.setState({ dialog: 'embed' })}>
          Embed
        </button>
      )}
      {narrow ? null : (
        <button
          type="button"
          className={styles.button}
          aria-label={`Theme: ${theme}`}
          title={`Theme: ${theme}`}
          onClick={() => {
            session.setState({ theme: nextTheme[theme] });
            void playground.savePreferences();
          }}
        >
          <Icon name="theme" size={15} />
        </button>
      )}
    </header>
  );
}
