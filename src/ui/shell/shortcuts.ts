/** The keys of the page and what they do; the help lists exactly these. */
import type { Playground } from '../state/playground.ts';
import { speeds } from '../timeline/Transport.tsx';
import { EDITOR_BODY, TERMINAL_INPUT, TIMELINE_FILTER } from './focus-targets.ts';

export interface Shortcut {
  /** As the reader sees it. */
  readonly keys: string;
  readonly says: string;
  /** Also while typing and when shortcuts are switched off. */
  readonly always?: boolean;
  fits(event: KeyboardEvent): boolean;
  act(playground: Playground): void;
}

const plain = (key: string) => (event: KeyboardEvent) =>
  !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey && event.key.toLowerCase() === key;
/** At once where it is there, so that the next key already belongs to it; else when its pane is drawn. */
function focus(id: string): void {
  const element = document.getElementById(id);
  if (element !== null) element.focus();
  else requestAnimationFrame(() => document.getElementById(id)?.focus());
}

function changeSpeed(playground: Playground, step: number): void {
  const { speed } = playground.playback.getSnapshot();
  const at = speeds.findIndex((one) => one >= speed);
  playground.playback.setSpeed(speeds[Math.min(speeds.length - 1, Math.max(0, (at < 0 ? speeds.length - 1 : at) + step))] ?? 1);
}

function toDrop(playground: Playground, direction: 1 | -1): void {
  if (!playground.playback.stepDrop(direction)) playground.notify(direction === 1 ? 'No packet is dropped after this.' : 'No packet is dropped before this.');
}

export const shortcuts: readonly Shortcut[] = [
  { keys: 'Space', says: 'Play or pause', fits: plain(' '), act: ({ playback }) => playback.toggle() },
  { keys: '→', says: 'One hop forward', fits: plain('arrowright'), act: ({ playback }) => playback.step(1) },
  { keys: '←', says: 'One hop back', fits: plain('arrowleft'), act: ({ playback }) => playback.step(-1) },
  { keys: 'Shift →', says: 'Next packet', fits: (event) => event.shiftKey && event.key === 'ArrowRight', act: ({ playback }) => playback.stepPacket(1) },
  { keys: 'Shift ←', says: 'Packet before', fits: (event) => event.shiftKey && event.key === 'ArrowLeft', act: ({ playback }) => playback.stepPacket(-1) },
  { keys: 'Home', says: 'First hop', fits: plain('home'), act: ({ playback }) => playback.seek(0) },
  { keys: 'End', says: 'Last hop', fits: plain('end'), act: ({ playback }) => playback.seek(playback.getSnapshot().hopCount - 1) },
  { keys: ']', says: 'Next hop of this packet', fits: plain(']'), act: ({ playback }) => void playback.stepSame(1) },
  { keys: '[', says: 'Hop of this packet before', fits: plain('['), act: ({ playback }) => void playback.stepSame(-1) },
  { keys: 'K', says: 'Next event of the log', fits: plain('k'), act: ({ playback }) => playback.stepEvent(1) },
  { keys: 'J', says: 'Event of the log before', fits: plain('j'), act: ({ playback }) => playback.stepEvent(-1) },
  { keys: 'D', says: 'Next drop', fits: plain('d'), act: (playground) => toDrop(playground, 1) },
  { keys: 'Shift D', says: 'Drop before', fits: (event) => event.shiftKey && event.key === 'D', act: (playground) => toDrop(playground, -1) },
  { keys: 'B', says: 'Bookmark this moment', fits: plain('b'), act: (playground) => playground.addBookmark() },
  { keys: 'I', says: 'A loop begins here', fits: plain('i'), act: ({ playback }) => playback.setSpan('from') },
  { keys: 'O', says: 'A loop ends here', fits: plain('o'), act: ({ playback }) => playback.setSpan('to') },
  { keys: 'L', says: 'Loop on or off', fits: plain('l'), act: ({ playback }) => playback.toggleLoop() },
  { keys: 'X', says: 'Skip idle time, or show it', fits: plain('x'), act: ({ playback }) => playback.setSkipIdle(!playback.getSnapshot().skipIdle) },
  { keys: 'N', says: 'Back to now', fits: plain('n'), act: (playground) => void playground.toPresent() },
  { keys: 'F', says: 'Focus on one packet', fits: plain('f'), act: ({ session }) => session.setState(({ focus }) => ({ focus: !focus })) },
  { keys: ',', says: 'Slower', fits: plain(','), act: (playground) => changeSpeed(playground, -1) },
  { keys: '.', says: 'Faster', fits: plain('.'), act: (playground) => changeSpeed(playground, 1) },
  {
    keys: 'T',
    says: 'Terminal',
    fits: plain('t'),
    act: (playground) => {
      playground.session.setState({ pane: 'terminal' });
      focus(TERMINAL_INPUT);
    },
  },
  {
    keys: 'E',
    says: 'Editor',
    fits: plain('e'),
    act: (playground) => {
      playground.session.setState({ pane: 'editor', mode: 'play' });
      focus(EDITOR_BODY);
    },
  },
  {
    keys: '/',
    says: 'Filter the hops',
    fits: plain('/'),
    act: (playground) => {
      playground.session.setState({ pane: 'timeline' });
      focus(TIMELINE_FILTER);
    },
  },
  {
    keys: 'Ctrl Z or ⌘ Z',
    says: 'Undo, in the files and on the canvas',
    fits: (event) => (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === 'z',
    act: (playground) => playground.undo(),
  },
  {
    keys: 'Ctrl Shift Z or Ctrl Y',
    says: 'Redo',
    fits: (event) => (event.ctrlKey || event.metaKey) && !event.altKey && (event.shiftKey ? event.key.toLowerCase() === 'z' : event.key.toLowerCase() === 'y'),
    act: (playground) => playground.redo(),
  },
  {
    keys: '?',
    says: 'These keys',
    fits: (event) => event.key === '?' && !event.ctrlKey && !event.metaKey,
    act: (playground) => playground.session.setState({ dialog: 'keys' }),
  },
  {
    keys: 'Ctrl K or ⌘ K',
    says: 'Go to anything, run anything',
    always: true,
    fits: (event) => (event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === 'k',
    act: (playground) => playground.session.setState({ dialog: 'palette' }),
  },
];

/** True where a key belongs to what has the focus: fields, menus, and keys that a button itself takes. */
export function isTaken(event: KeyboardEvent): boolean {
  const { target } = event;
  if (!(target instanceof HTMLElement)) return false;
  // A slider has its arrows, a box its space; letters and undo mean nothing to them.
  if (target instanceof HTMLInputElement && target.type === 'range') return /^(?:Arrow|Home|End|Page)/.test(event.key);
  if (target instanceof HTMLInputElement && target.type === 'checkbox') return event.key === ' ' || event.key === 'Enter';
  if (target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) return true;
  if (event.key === ' ' || event.key === 'Enter') return target.closest('button, a, summary, [role="tab"], [role="option"]') !== null;
  return target.closest('[role="menu"], dialog') !== null;
}

/** Listens until the returned function is called. */
export function listenForShortcuts(playground: Playground): () => void {
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.defaultPrevented || event.isComposing) return;
    const { dialog, shortcuts: on, mode } = playground.session.getState();
    if (dialog !== undefined) return;
    const shortcut = shortcuts.find((one) => one.fits(event));
    if (shortcut === undefined) return;
    // The presenter has keys of its own for the arrows and the space bar.
    if (mode === 'present' && shortcut.always !== true) return;
    if (shortcut.always !== true && (!on || isTaken(event))) return;
    event.preventDefault();
    shortcut.act(playground);
  };
  const always = (event: KeyboardEvent) => {
    const shortcut = shortcuts.find((one) => one.always === true && one.fits(event));
    if (shortcut === undefined || playground.session.getState().dialog !== undefined) return;
    event.preventDefault();
    event.stopPropagation();
    shortcut.act(playground);
  };
  window.addEventListener('keydown', always, true);
  window.addEventListener('keydown', onKeyDown);
  return () => {
    window.removeEventListener('keydown', always, true);
    window.removeEventListener('keydown', onKeyDown);
  };
}
