/** The app begins: finds out what to open, and draws. */
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { createPlaygroundClient, type TransportFactory } from '../worker/client.ts';
import { Root } from './Root.tsx';
import { newDocumentId } from './state/new-id.ts';
import { Playground } from './state/playground.ts';
import { readPreferences, viewOfAddress } from './state/session.ts';
import { decideStart } from './state/start.ts';
import { openStorage } from './state/storage.ts';

/** `transports`: ways to a simulation, tried in order. */
export async function startApp(transports: readonly TransportFactory[]): Promise<void> {
  const createClient = () => createPlaygroundClient({ transports });
  const client = createClient();
  const storage = await openStorage();
  const preferences = readPreferences(await storage.get('preferences').catch(() => undefined));
  const playground = new Playground({
    client,
    createClient,
    storage,
    preferences,
    now: () => Date.now(),
    onOwned: () => history.replaceState(history.state, '', location.pathname + location.search),
  });
  const timelineView = viewOfAddress(location.search);
  if (timelineView !== undefined) playground.session.setState({ timelineView, pane: 'timeline' });
  const decided = await decideStart(location.hash, storage, newDocumentId);
  if (document.readyState === 'loading') await new Promise((resolve) => document.addEventListener('DOMContentLoaded', resolve, { once: true }));
  const root = document.getElementById('root');
  if (root === null) throw new Error('the page has no #root');
  createRoot(root).render(
    <StrictMode>
      <Root playground={playground} start={decided} />
    </StrictMode>,
  );
  if (decided.kind === 'open') void playground.open(decided.opening);
  // Another link pasted into the same tab is another world.
  window.addEventListener('hashchange', () => location.reload());
}
