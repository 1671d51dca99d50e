/** Which conversation a view shows. */
import type { ReactNode } from 'react';
import { usePlayground } from '../../state/context.ts';
import type { Conversation } from '../conversations.ts';
import styles from './Views.module.css';

/** A longer list nobody reads: the others are found among the conversations. */
const MAX_CHOICES = 200;

/** The chosen one; before a choice, that of the packet at the playhead, else the first. */
export function useStream(conversations: readonly Conversation[], chosen: number | undefined, packetId: number | undefined): Conversation | undefined {
  if (chosen !== undefined && conversations[chosen] !== undefined) return conversations[chosen];
  return conversations.find((one) => packetId !== undefined && one.packets.includes(packetId)) ?? conversations[0];
}

export function StreamChoice({
  conversations,
  value,
  all,
  children,
}: {
  readonly conversations: readonly Conversation[];
  readonly value: number | undefined;
  /** Offer all of them together. */
  readonly all: boolean;
  readonly children?: ReactNode;
}) {
  const { session } = usePlayground();
  const first = conversations.slice(0, MAX_CHOICES);
  const chosen = value === undefined ? undefined : conversations[value];
  const shown = chosen === undefined || first.includes(chosen) ? first : [...first, chosen];
  return (
    <div className={styles.bar}>
      <select
        className={styles.choice}
        aria-label="Conversation"
        value={value === undefined ? '' : String(value)}
        onChange={(event) => session.setState({ stream: event.target.value === '' ? undefined : Number(event.target.value) })}
      >
        {all ? <option value="">all conversations</option> : null}
        {shown.map((one) => (
          <option key={one.index} value={String(one.index)}>
            {one.index} · {one.protocol} {one.client} → {one.addressed}
          </option>
        ))}
      </select>
      {children}
    </div>
  );
}
