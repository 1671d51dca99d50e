/** Conversations of the run, a row each; from there to their hops, their words or their diagram. */
import { useState } from 'react';
import type { NetnsView } from '../../../world/views.ts';
import { ScrollRegion } from '../../shell/ScrollRegion.tsx';
import { useCurrentHop, useMirror, usePlayground } from '../../state/context.ts';
import { type Conversation, conversationFilter } from '../conversations.ts';
import { formatTime, unitFor } from '../format.ts';
import { useConversations } from './use-conversations.ts';
import styles from './Views.module.css';

const titleOf = (netnses: readonly NetnsView[] | undefined, id: string): string => netnses?.find((netns) => netns.id === id)?.title ?? '';

/** So many rows are drawn at first, and as many more each time somebody asks. */
const ROWS = 200;

export function ConversationsView() {
  const playground = usePlayground();
  const { hops } = useCurrentHop();
  const netnses = useMirror((mirror) => mirror.topology?.netnses);
  const conversations = useConversations(hops);
  const [room, setRoom] = useState(ROWS);
  const startNs = hops[0]?.event.timeNs ?? 0;
  const unit = unitFor((hops[hops.length - 1]?.event.timeNs ?? 0) - startNs);
  const show = (conversation: Conversation, view: 'hops' | 'sequence' | 'stream') => {
    const { session } = playground;
    session.setState({ stream: conversation.index, timelineView: view });
    if (view === 'hops') session.setState({ filter: conversationFilter(conversation) });
  };
  if (conversations === undefined) return <p className={styles.empty}>Reading …</p>;
  if (conversations.length === 0) return <p className={styles.empty}>No conversation yet.</p>;
  return (
    <ScrollRegion className={styles.scroll} label="Conversations">
      <table className={styles.table}>
        <thead>
          <tr>
            <th scope="col">#</th>
            <th scope="col">proto</th>
            <th scope="col">show</th>
            <th scope="col">client</th>
            <th scope="col">asked for</th>
            <th scope="col">answered by</th>
            <th scope="col">packets</th>
            <th scope="col">bytes → ←</th>
            <th scope="col">from {unit.name}</th>
            <th scope="col">took</th>
          </tr>
        </thead>
        <tbody>
          {conversations.slice(0, room).map((one) => (
            <tr key={one.index}>
              <td>{one.index}</td>
              <td data-family={one.protocol === 'ICMP' ? 'l3' : 'l4'}>{one.protocol}</td>
              <td className={styles.actions}>
                <button type="button" onClick={() => show(one, 'hops')}>
                  hops
                </button>
                <button type="button" onClick={() => show(one, 'stream')}>
                  words
                </button>
                <button type="button" onClick={() => show(one, 'sequence')}>
                  sequence
                </button>
              </td>
              <td>
                {titleOf(netnses, one.clientNetns)} <span className={styles.mute}>{one.client}</span>
              </td>
              <td>{one.addressed}</td>
              <td>
                {one.serverNetns === '' ? <span className={styles.lost}>nobody</span> : titleOf(netnses, one.serverNetns)}{' '}
                <span className={styles.mute}>{one.server === one.addressed ? '' : one.server}</span>
              </td>
              <td>
                {one.packets.length}
                {one.dropped === 0 ? null : <span className={styles.lost}> {one.dropped} lost</span>}
              </td>
              <td>
                {one.bytesOut} {one.bytesBack}
              </td>
              <td>{formatTime(one.firstNs - startNs, unit)}</td>
              <td>{formatTime(one.lastNs - one.firstNs, unit)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {conversations.length > room ? (
        <p className={styles.empty}>
          <button type="button" className={styles.button} onClick={() => setRoom(room + ROWS)}>
            {Math.min(ROWS, conversations.length - room)} more of {conversations.length}
          </button>
        </p>
      ) : null}
    </ScrollRegion>
  );
}
