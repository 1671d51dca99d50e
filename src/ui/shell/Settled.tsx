/** What nobody misses before the first world stands and can be played: its code and its work come after that, so that a slow machine has its hands free until then. */
import { type ReactNode, Suspense, startTransition, useEffect, useState } from 'react';
import { useSession } from '../state/context.ts';

export function Settled({ children, meanwhile = null }: { readonly children: ReactNode; readonly meanwhile?: ReactNode }) {
  const settled = useSession((session) => session.settled);
  return settled ? <Suspense fallback={meanwhile}>{children}</Suspense> : meanwhile;
}

/** What stands beside the canvas: at a page's start it is drawn after it, in steps that leave frames between them. */
export function Beside({ children }: { readonly children: ReactNode }) {
  const settled = useSession((session) => session.settled);
  const [turn, setTurn] = useState(settled);
  useEffect(() => startTransition(() => setTurn(true)), []);
  return turn ? children : null;
}
