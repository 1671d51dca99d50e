/** Between the address and the app: shows the app at once, and a card where the address cannot be followed. */
import { lazy, Suspense, useState } from 'react';
import { App } from './App.tsx';
import type { Playground } from './state/playground.ts';
import type { Start } from './state/start.ts';

const StartCard = lazy(() => import('./shell/StartCard.tsx').then((module) => ({ default: module.StartCard })));

export function Root({ playground, start }: { readonly playground: Playground; readonly start: Start }) {
  const [card, setCard] = useState(start.kind === 'open' ? undefined : start);
  if (card === undefined) return <App playground={playground} />;
  return (
    <Suspense fallback={null}>
      <StartCard
        start={card}
        playground={playground}
        onOpen={(opening) => {
          history.replaceState(null, '', location.pathname + location.search);
          setCard(undefined);
          void playground.open(opening);
        }}
      />
    </Suspense>
  );
}
