/** Listens on an element for as long as a component shows it; the newest handler is called. */
import { type RefObject, useEffect, useRef } from 'react';

export function useEvent<K extends keyof HTMLElementEventMap>(
  target: RefObject<HTMLElement | null>,
  type: K,
  handler: (event: HTMLElementEventMap[K]) => void,
  capture = false,
): void {
  const latest = useRef(handler);
  latest.current = handler;
  useEffect(() => {
    const element = target.current;
    if (element === null) return;
    const listener = (event: HTMLElementEventMap[K]) => latest.current(event);
    element.addEventListener(type, listener, capture);
    return () => element.removeEventListener(type, listener, capture);
  }, [target, type, capture]);
}
