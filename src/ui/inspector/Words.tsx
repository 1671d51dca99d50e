/** Phrases of an explanation, with their links; texts only, never HTML. */
import type { LinkTarget, Phrase } from '../../world/views.ts';
import { usePlayground } from '../state/context.ts';
import styles from './Inspector.module.css';

export function Words({ phrases }: { readonly phrases: readonly Phrase[] }) {
  const playground = usePlayground();
  const pick = (link: LinkTarget) => playground.select(link);
  return phrases.map((phrase, index) => {
    const className = phrase.style === undefined ? undefined : styles[phrase.style];
    const key = `${index}:${phrase.text}`;
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
