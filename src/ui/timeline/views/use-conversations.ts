/** The conversations of the run, found in slices. */
import { useCallback } from 'react';
import type { HopView } from '../../../world/views.ts';
import { type Conversation, conversing } from '../conversations.ts';
import { useSliced, type Work } from '../sliced.ts';

interface Found {
  readonly hops: readonly HopView[];
  readonly conversations: readonly Conversation[];
}

/** Undefined until those of this very run are found. */
export function useConversations(hops: readonly HopView[]): readonly Conversation[] | undefined {
  const make = useCallback(
    function* (): Work<Found> {
      return { hops, conversations: yield* conversing(hops) };
    },
    [hops],
  );
  const { value } = useSliced(make);
  return value?.hops === hops ? value.conversations : undefined;
}
