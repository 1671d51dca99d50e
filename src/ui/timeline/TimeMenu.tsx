/** What can be done with time beside playing it: marks, a loop, drops, idle time, other futures. */
import { Icon } from '../shell/Icon.tsx';
import { Menu, type MenuItem } from '../shell/Menu.tsx';
import { useDocument, usePast, usePlaybackSnapshot, usePlayground } from '../state/context.ts';
import styles from './Timeline.module.css';

export function TimeMenu() {
  const playground = usePlayground();
  const { playback, session } = playground;
  const { hopCount, loop, span, skipIdle } = usePlaybackSnapshot();
  const bookmarks = useDocument((document) => document.bookmarks);
  const futures = useDocument((document) => document.futures);
  const past = usePast((state) => state.seq !== undefined);
  const empty = hopCount === 0;
  const items: MenuItem[] = [
    { label: 'Bookmark this moment', detail: 'B', disabled: empty, onPick: () => playground.addBookmark() },
    ...bookmarks.slice(-8).map((one): MenuItem => ({ label: `◆ ${one.name}`, onPick: () => void playground.goTo(one.seq) })),
    {
      label: 'Bookmarks and other futures …',
      detail: bookmarks.length + futures.length === 0 ? '' : String(bookmarks.length + futures.length),
      onPick: () => session.setState({ dialog: 'moments' }),
    },
    {
      label: 'First drop',
      detail: '',
      disabled: empty,
      onPick: () => {
        const { index } = playback.getSnapshot();
        playback.seek(-1);
        if (playback.stepDrop(1)) return;
        playback.seek(index);
        playground.notify('No packet is dropped in this run.');
      },
    },
    { label: 'Next drop', detail: 'D', disabled: empty, onPick: () => playback.stepDrop(1) },
    { label: 'Drop before', detail: 'Shift D', disabled: empty, onPick: () => playback.stepDrop(-1) },
    { label: 'Next hop of this packet', detail: ']', disabled: empty, onPick: () => playback.stepSame(1) },
    { label: 'Hop of this packet before', detail: '[', disabled: empty, onPick: () => playback.stepSame(-1) },
    { label: 'Next event of the log', detail: 'K', disabled: empty, onPick: () => playback.stepEvent(1) },
    { label: 'Event of the log before', detail: 'J', disabled: empty, onPick: () => playback.stepEvent(-1) },
    { label: 'A loop begins here', detail: 'I', disabled: empty, onPick: () => playback.setSpan('from') },
    { label: 'A loop ends here', detail: 'O', disabled: empty, onPick: () => playback.setSpan('to') },
    {
      label: loop ? 'Loop: on' : 'Loop: off',
      detail: span === undefined ? 'L' : `${span.from + 1} to ${span.to + 1} · L`,
      onPick: () => playback.toggleLoop(),
    },
    { label: skipIdle ? 'Idle time: skipped' : 'Idle time: shown as pauses', detail: 'X', onPick: () => playback.setSkipIdle(!skipIdle) },
    { label: 'Back to now', detail: 'N', disabled: !past, onPick: () => void playground.toPresent() },
    { label: 'Branch here', detail: '', disabled: !past, onPick: () => void playground.branch() },
  ];
  return (
    <Menu label="Moments: bookmarks, loop, drops" items={items} className={styles.transport}>
      <Icon name="more" />
    </Menu>
  );
}
