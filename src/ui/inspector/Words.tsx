/** Phrases of an explanation, with their links; texts only, never HTML. */
import type { LinkTarget, Phrase } from '../../world/views.ts';
import { withKeys } from '../shell/with-keys.ts';
import { usePlayground } from '../state/context.ts';
import styles from './Inspector.module.css';

export function Words({ phrases }: { readonly phrases: readonly Phrase[] }) {
  const playground = usePlayground();
  const pick = (link: LinkTarget) => playground.select(link);
  return withKeys(phrases, (phrase) => phrase.text).map(({ key, item: phrase }) => {
    const className = phrase.style === undefined ? undefined : styles[phrase.style];
    const { link } = phrase;
    if (link === undefined) {
      return (
        <span key={key} className={className}>
          {phrase.text}
        </span>
      );
    }
    return (
      <button key={key} type="button" className={`${styles.wordLink} ${className ?? ''}`} onClick={() => pick(link)}>
        {phrase.text}
      </button>
    );
  });
}
