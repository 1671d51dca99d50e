/** Both sides of one conversation in the words of the programs. */
import { useMemo } from 'react';
import { ScrollRegion } from '../../shell/ScrollRegion.tsx';
import { withKeys } from '../../shell/with-keys.ts';
import { useCurrentHop, usePlayground, useSession } from '../../state/context.ts';
import type { Conversation } from '../conversations.ts';
import { followStream } from '../stream.ts';
import { StreamChoice, useStream } from './StreamChoice.tsx';
import { useConversations } from './use-conversations.ts';
import styles from './Views.module.css';

const NONE: readonly Conversation[] = [];

export function StreamView() {
  const { playback, session } = usePlayground();
  const { hops, index } = useCurrentHop();
  const chosen = useSession((state) => state.stream);
  const conversations = useConversations(hops) ?? NONE;
  const conversation = useStream(conversations, chosen, hops[index]?.event.packetId);
  const followed = useMemo(() => (conversation === undefined ? undefined : followStream(hops, conversation)), [hops, conversation]);
  if (conversation === undefined || followed === undefined) return <p className={styles.empty}>No conversation yet.</p>;
  return (
    <>
      <StreamChoice conversations={conversations} value={conversation.index} all={false} />
      <ScrollRegion className={styles.scroll} label="What both sides said">
        {followed.pieces.length === 0 ? <p className={styles.empty}>Nobody said a word: no payload was sent.</p> : null}
        {withKeys(followed.pieces, (piece) => String(piece.hop)).map(({ key, item: piece }) => (
          <button
            key={key}
            type="button"
            className={styles.piece}
            data-from={piece.from}
            aria-current={piece.hop === index ? 'true' : undefined}
            onClick={() => {
              playback.seek(piece.hop);
              session.setState({ inspecting: 'hop' });
            }}
          >
            {piece.text}
          </button>
        ))}
        {followed.cut ? <p className={styles.empty}>… and more</p> : null}
      </ScrollRegion>
    </>
  );
}
