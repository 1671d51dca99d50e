/** How components reach the page's model, and how they read it: each by a selector of what it shows. */
import { createContext, useContext, useSyncExternalStore } from 'react';
import { useStore } from 'zustand';
import type { HopView } from '../../world/views.ts';
import type { OpenDocument } from './document.ts';
import type { Mirror } from './mirror.ts';
import type { Past } from './moments.ts';
import type { Playground } from './playground.ts';
import type { Session } from './session.ts';

export const PlaygroundContext = createContext<Playground | undefined>(undefined);

export function usePlayground(): Playground {
  const playground = useContext(PlaygroundContext);
  if (playground === undefined) throw new Error('no playground around this component');
  return playground;
}

export const useMirror = <T>(select: (mirror: Mirror) => T): T => useStore(usePlayground().mirror, select);
export const useSession = <T>(select: (session: Session) => T): T => useStore(usePlayground().session, select);
export const usePast = <T>(select: (past: Past) => T): T => useStore(usePlayground().moments.store, select);
export const useDocument = <T>(select: (document: OpenDocument) => T): T => useStore(usePlayground().document, select);

/** The boxes that are shown: those of the playhead's moment. */
export function useBoxes(): Mirror['topology'] {
  const now = useMirror((mirror) => mirror.topology);
  const then = usePast((past) => (past.now ? undefined : past.view?.topology));
  return then ?? now;
}

/** Changes with each hop, never with each frame. */
export function usePlaybackSnapshot(): ReturnType<Playground['playback']['getSnapshot']> {
  const { playback } = usePlayground();
  return useSyncExternalStore(playback.subscribeCoarse, playback.getSnapshot);
}

/** The loaded hops and the one at the playhead; while somebody goes by events, `hop` is the event, and `index` still the last whole hop before it. */
export function useCurrentHop(): { readonly hops: readonly HopView[]; readonly index: number; readonly hop: HopView | undefined } {
  const { index, stop } = usePlaybackSnapshot();
  const hops = usePlayground().playback.hops();
  return { hops, index, hop: stop?.hop ?? hops[index] };
}
