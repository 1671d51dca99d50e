/** What the window and its reader are like: width, pointer, motion, colour scheme. */
import { useCallback, useSyncExternalStore } from 'react';
import { useSession } from './context.ts';

export function useMedia(query: string): boolean {
  const subscribe = useCallback(
    (listener: () => void) => {
      const media = matchMedia(query);
      media.addEventListener('change', listener);
      return () => media.removeEventListener('change', listener);
    },
    [query],
  );
  return useSyncExternalStore(subscribe, () => matchMedia(query).matches);
}

/** Where the panes stack: phones, and desktops at 200 % zoom and more. */
export const useNarrow = (): boolean => useMedia('(max-width: 820px)');

export function useDark(): boolean {
  const theme = useSession((session) => session.theme);
  const systemDark = useMedia('(prefers-color-scheme: dark)');
  return theme === 'dark' || (theme === 'system' && systemDark);
}
