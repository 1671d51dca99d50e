/** Changes when the world may answer otherwise than before: texts were applied, boxes changed, somebody typed something; not with each packet of a ping. */
import { useEffect, useRef, useState } from 'react';
import { useDocument, useMirror } from '../state/context.ts';

const SETTLE_MS = 500;

export function useWorldKey(): number {
  const topology = useMirror((mirror) => mirror.topology);
  const commands = useMirror((mirror) =>
    mirror.terminal.reduce((count, entry) => count + (entry.kind === 'prompt' ? 1 : 0), mirror.terminalDropped + mirror.terminalEpoch),
  );
  const busy = useMirror((mirror) => mirror.sessions.some((session) => session.busy && !session.endless));
  const texts = useDocument((document) => (document.applying === 'applied' ? document.texts : undefined));
  const [key, setKey] = useState(0);
  const first = useRef(true);
  useEffect(() => {
    // All of them are only compared.
    void topology;
    void commands;
    if (busy || texts === undefined) return;
    if (first.current) {
      first.current = false;
      return;
    }
    const timer = setTimeout(() => setKey((before) => before + 1), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [topology, commands, busy, texts]);
  return key;
}
