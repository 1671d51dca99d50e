/** Tries the document's expectations after each change and says how many do not hold. */
import { useEffect } from 'react';
import { usePlayground, useSession } from '../state/context.ts';
import { useWorldKey } from './use-world-key.ts';
import styles from './Why.module.css';

export function ExpectationsBadge() {
  const { client, session } = usePlayground();
  const world = useWorldKey();
  const results = useSession((state) => state.expectations);
  useEffect(() => {
    void world;
    let alive = true;
    client.call('expectations').then(
      (expectations) => {
        if (alive) session.setState({ expectations });
      },
      () => undefined,
    );
    return () => {
      alive = false;
    };
  }, [client, session, world]);
  useEffect(() => () => session.setState({ expectations: undefined }), [session]);
  if (results === undefined || results.length === 0) return null;
  const failing = results.filter((one) => !one.pass).length;
  return (
    <span
      className={styles.badge}
      data-pass={failing === 0}
      title={failing === 0 ? 'All expectations hold' : `${failing} of ${results.length} expectations do not hold`}
    >
      <span aria-hidden="true">{failing === 0 ? `✓ ${results.length}` : `✕ ${failing}`}</span>
      <span className="visually-hidden">
        {failing === 0 ? ` all ${results.length} expectations hold` : ` ${failing} of ${results.length} expectations do not hold`}
      </span>
    </span>
  );
}
