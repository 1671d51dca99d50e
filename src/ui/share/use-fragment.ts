/** The share fragment of the document as it is now. */
import { useEffect, useState } from 'react';
import { usePlayground } from '../state/context.ts';
import { fragmentOf, type SharedFragment } from './links.ts';

/** `withMoment`: with the playhead, the lens and the selection. Undefined until it is made. */
export function useFragment(withMoment: boolean): SharedFragment | undefined {
  const playground = usePlayground();
  const [shared, setShared] = useState<SharedFragment | undefined>(undefined);
  useEffect(() => {
    let alive = true;
    const { lens, selection } = playground.session.getState();
    const { hop } = playground.playback;
    const moment = withMoment
      ? { ...(hop === undefined ? {} : { seq: hop.event.seq }), ...(lens === 'wires' ? {} : { lens }), ...(selection === undefined ? {} : { selection }) }
      : {};
    playground.exactDocument().then(
      (document) => {
        if (alive) setShared(fragmentOf(document, moment));
      },
      () => {
        if (alive) playground.notify('The link could not be made: the simulation did not answer.', 'problem');
      },
    );
    return () => {
      alive = false;
    };
  }, [playground, withMoment]);
  return shared;
}
