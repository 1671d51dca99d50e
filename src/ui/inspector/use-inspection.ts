/** Asks the world for a box's tables at the playhead's moment, not more often than it can be read. */
import { useEffect, useRef, useState } from 'react';
import type { Inspection, LinkTarget } from '../../world/views.ts';
import { useMirror, usePlayground } from '../state/context.ts';

/** Looking into the past costs the world a replay. */
const SETTLE_MS = 180;

export interface InspectionState {
  readonly target: LinkTarget;
  /** Null: there is no such thing at this moment. */
  readonly inspection: Inspection | null;
}

/** The last answer stays until the next one is there. Undefined before the first. */
export function useInspection(target: LinkTarget | undefined, atSeq: number | undefined): InspectionState | undefined {
  const { client } = usePlayground();
  const headSeq = useMirror((mirror) => mirror.headSeq);
  const topology = useMirror((mirror) => mirror.topology);
  const [state, setState] = useState<InspectionState | undefined>(undefined);
  // In the present, tables change with each event and each edit; in the past with neither.
  const present = atSeq === undefined ? { headSeq, topology } : undefined;
  const presentKey = present?.headSeq;
  const presentBoxes = present?.topology;
  // In a world that is never still, a look is due some time after the first change, not after the last one.
  const dueMs = useRef(0);
  useEffect(() => {
    if (target === undefined) return;
    let alive = true;
    // The boxes are looked at only to ask again when they change.
    void presentBoxes;
    void presentKey;
    const now = performance.now();
    if (atSeq !== undefined || dueMs.current === 0) dueMs.current = now + SETTLE_MS;
    const timer = setTimeout(() => {
      dueMs.current = 0;
      client.call('inspect', target, ...(atSeq === undefined ? [] : [atSeq])).then(
        (inspection) => {
          if (alive) setState({ target, inspection });
        },
        () => undefined,
      );
    }, dueMs.current - now);
    return () => {
      alive = false;
      clearTimeout(timer);
    };
  }, [client, target, atSeq, presentKey, presentBoxes]);
  return state?.target === target ? state : undefined;
}
