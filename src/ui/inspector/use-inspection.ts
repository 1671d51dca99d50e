/** Asks the world for a box's tables at the playhead's moment, not more often than it can be read. */
import { useEffect, useRef, useState } from 'react';
import type { Inspection, LinkTarget } from '../../world/views.ts';
import { useMirror, usePlayground } from '../state/context.ts';

/** Looking into the past costs the world a replay: the first look is at once, others not sooner than this after it. */
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
  const askedMs = useRef(Number.NEGATIVE_INFINITY);
  const last = useRef(target);
  /** Numbers of questions, and the newest one that was answered: who drags the playhead sees the tables go with it. */
  const asked = useRef(0);
  const answered = useRef(0);
  useEffect(() => {
    if (target === undefined) return;
    // The boxes are looked at only to ask again when they change.
    void presentBoxes;
    void presentKey;
    // Another box is a question of its own.
    if (last.current !== target) askedMs.current = Number.NEGATIVE_INFINITY;
    last.current = target;
    const timer = setTimeout(
      () => {
        askedMs.current = performance.now();
        asked.current += 1;
        const number = asked.current;
        client.call('inspect', target, ...(atSeq === undefined ? [] : [atSeq])).then(
          (inspection) => {
            if (number < answered.current) return;
            answered.current = number;
            setState({ target, inspection });
          },
          () => undefined,
        );
      },
      Math.max(0, askedMs.current + SETTLE_MS - performance.now()),
    );
    return () => clearTimeout(timer);
  }, [client, target, atSeq, presentKey, presentBoxes]);
  return state?.target === target ? state : undefined;
}
