/** The app: what to open, then header, banners, the layout that fits the window, and the dialogs. */
import './theme/fonts.css';
import './theme/tokens.css';
import './shell/base.css';
import { lazy, Suspense, useEffect } from 'react';
import { Banners, Notices } from './shell/Banners.tsx';
import { Header } from './shell/Header.tsx';
import { Narrow } from './shell/Narrow.tsx';
import { Pane } from './shell/Pane.tsx';
import styles from './shell/Shell.module.css';
import { listenForShortcuts } from './shell/shortcuts.ts';
import { Wide } from './shell/Wide.tsx';
import { PlaygroundContext, useDocument, usePlayground, useSession } from './state/context.ts';
import type { Playground } from './state/playground.ts';
import { useNarrow } from './state/use-media.ts';

const Learn = lazy(() => import('./learn/Learn.tsx').then((module) => ({ default: module.Learn })));
const ShareDialog = lazy(() => import('./share/ShareDialog.tsx').then((module) => ({ default: module.ShareDialog })));
const EmbedDialog = lazy(() => import('./share/EmbedDialog.tsx').then((module) => ({ default: module.EmbedDialog })));
const DocumentsDialog = lazy(() => import('./shell/DocumentsDialog.tsx').then((module) => ({ default: module.DocumentsDialog })));
const DropPage = lazy(() => import('./why/DropPage.tsx').then((module) => ({ default: module.DropPage })));
const EditorDialogs = lazy(() => import('./editor/dialogs/EditorDialogs.tsx').then((module) => ({ default: module.EditorDialogs })));
const KeysDialog = lazy(() => import('./shell/KeysDialog.tsx').then((module) => ({ default: module.KeysDialog })));
const loadPalette = () => import('./palette/Palette.tsx');
const Palette = lazy(() => loadPalette().then((module) => ({ default: module.Palette })));
const CompareDialog = lazy(() => import('./compare/CompareDialog.tsx').then((module) => ({ default: module.CompareDialog })));
const MomentsDialog = lazy(() => import('./timeline/MomentsDialog.tsx').then((module) => ({ default: module.MomentsDialog })));
const Present = lazy(() => import('./present/Present.tsx').then((module) => ({ default: module.Present })));

/** Later than what a page needs to show its first packet. */
const PALETTE_AFTER_MS = 3_000;

function Dialogs() {
  const { session } = usePlayground();
  const dialog = useSession((state) => state.dialog);
  const close = () => session.setState((state) => (state.dialog === dialog ? { dialog: undefined } : {}));
  switch (dialog) {
    case 'share':
      return <ShareDialog onClose={close} />;
    case 'embed':
      return <EmbedDialog onClose={close} />;
    case 'palette':
      return <Palette onClose={close} />;
    case 'keys':
      return <KeysDialog onClose={close} />;
    case 'documents':
      return <DocumentsDialog onClose={close} />;
    case 'compare':
      return <CompareDialog onClose={close} />;
    case 'drop':
      return <DropPage onClose={close} />;
    case 'outline':
    case 'changes':
    case 'import':
    case 'network':
    case 'suggest':
    case 'ways-in':
      return <EditorDialogs name={dialog} onClose={close} />;
    case 'moments':
      return <MomentsDialog onClose={close} />;
    case undefined:
      return null;
  }
}

function Layout() {
  const mode = useSession((session) => session.mode);
  const narrow = useNarrow();
  const waiting = <div className={styles.loading}>Opening …</div>;
  if (mode === 'present') {
    return (
      <Suspense fallback={waiting}>
        <Pane name="presenter">
          <Present />
        </Pane>
      </Suspense>
    );
  }
  const lesson =
    mode === 'learn' ? (
      <Suspense fallback={waiting}>
        <Learn />
      </Suspense>
    ) : undefined;
  return (
    <>
      <Header narrow={narrow} />
      <Banners />
      {narrow ? (
        <Narrow lesson={lesson} />
      ) : (
        <main className={styles.grow}>
          <Wide lesson={lesson} />
        </main>
      )}
    </>
  );
}

/** Keeps `data-theme` on the page: tokens, scroll bars and form fields follow it. */
function useTheme(): void {
  const theme = useSession((session) => session.theme);
  useEffect(() => {
    if (theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  }, [theme]);
}

function Frame() {
  const playground = usePlayground();
  useTheme();
  const title = useDocument((state) => state.title);
  useEffect(() => {
    document.title = title === '' ? 'Kubehop' : `${title} · Kubehop`;
  }, [title]);
  useEffect(() => listenForShortcuts(playground), [playground]);
  useEffect(() => {
    // Letters typed right after Ctrl K are not lost when it is here already.
    const timer = setTimeout(() => void loadPalette().catch(() => undefined), PALETTE_AFTER_MS);
    return () => clearTimeout(timer);
  }, []);
  useEffect(() => {
    const save = () => void playground.flush();
    const onVisibility = () => {
      const hidden = document.visibilityState === 'hidden';
      if (hidden) save();
      void playground.client.call('hold', hidden).catch(() => undefined);
    };
    document.addEventListener('visibilitychange', onVisibility);
    window.addEventListener('pagehide', save);
    return () => {
      document.removeEventListener('visibilitychange', onVisibility);
      window.removeEventListener('pagehide', save);
    };
  }, [playground]);
  return (
    <div className={styles.app}>
      <Layout />
      <Suspense fallback={null}>
        <Dialogs />
      </Suspense>
      <Notices />
    </div>
  );
}

export function App({ playground }: { readonly playground: Playground }) {
  return (
    <PlaygroundContext value={playground}>
      <Pane name="page">
        <Frame />
      </Pane>
    </PlaygroundContext>
  );
}
