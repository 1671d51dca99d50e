/** The Policy lens: a sentence that says what is enforced, and a matrix of who may open a connection to whom. */

import styles from './PolicyPanel.module.css';
import type { PolicyPicture } from './policy.ts';
import { shortName } from './short-name.ts';

/** A larger matrix says nothing to the eye. */
const MAX_MATRIX = 24;

const words = (may: boolean | undefined): { readonly mark: string; readonly text: string } =>
  may === true ? { mark: '✓', text: 'may connect' } : may === false ? { mark: '–', text: 'has no address' } : { mark: '?', text: 'cannot be told' };

export function PolicyPanel({ picture }: { readonly picture: PolicyPicture }) {
  const { pods } = picture;
  const shown = pods.length <= MAX_MATRIX;
  return (
    <section className={styles.policy} aria-label="Who may talk to whom">
      <p>{picture.sentence}</p>
      {shown && pods.length > 1 ? (
        <div className={styles.matrixScroll}>
          <table className={styles.matrix}>
            <caption>From the pod at the left to the pod above</caption>
            <thead>
              <tr>
                <td />
                {pods.map((pod) => (
                  <th key={pod.id} scope="col">
                    <span>{shortName(pod.title, 14)}</span>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {pods.map((from, row) => (
                <tr key={from.id}>
                  <th scope="row">{shortName(from.title, 16)}</th>
                  {pods.map((to, column) => {
                    const { mark, text } = words(row === column ? true : picture.may(row, column));
                    return row === column ? (
                      <td key={to.id} className={styles.same} aria-label="itself" />
                    ) : (
                      <td key={to.id} aria-label={text} title={`${from.title} → ${to.title}: ${text}`}>
                        {mark}
                      </td>
                    );
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : null}
      {picture.pairs === 0 ? null : (
        <p className={styles.policyCount}>
          {picture.open} of {picture.pairs} directed pairs are open. Point at a pod to see whom it may reach.
        </p>
      )}
    </section>
  );
}
