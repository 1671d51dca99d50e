/** Markdown as React elements, by an allow-list; raw HTML is shown as the text it is, and links lead only to http(s). */
import { lexer, type Token, type Tokens } from 'marked';
import { type ReactNode, useMemo } from 'react';
import { ScrollRegion } from '../shell/ScrollRegion.tsx';
import { withKeys } from '../shell/with-keys.ts';
import styles from './Learn.module.css';

/** Deeper nesting is shown as text. */
const MAX_DEPTH = 20;

function safeHref(href: string): string | undefined {
  try {
    const url = new URL(href);
    return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : undefined;
  } catch {
    return undefined;
  }
}

/** marked escapes in the text of some tokens what it would write as HTML; elements need the letters themselves. */
const asWritten = (text: string) =>
  text.replace(/&(lt|gt|quot|#39|amp);/g, (_, name: string) => ({ lt: '<', gt: '>', quot: '"', '#39': "'", amp: '&' })[name] ?? '');

function all(tokens: readonly Token[] | undefined, depth: number): ReactNode {
  return tokens === undefined ? null : withKeys(tokens, (token) => token.type).map(({ key, item }) => <Element key={key} token={item} depth={depth} />);
}

function Element({ token, depth }: { readonly token: Token; readonly depth: number }): ReactNode {
  if (depth > MAX_DEPTH) return token.raw;
  const inner = () => all((token as Tokens.Generic).tokens, depth + 1);
  switch (token.type) {
    case 'space':
    case 'def':
      return null;
    case 'paragraph':
      return <p>{inner()}</p>;
    case 'heading':
      return <h3>{inner()}</h3>;
    case 'blockquote':
      return <blockquote>{inner()}</blockquote>;
    case 'hr':
      return <hr />;
    case 'code':
      return (
        <ScrollRegion className={styles.code} label="Example">
          <code>{(token as Tokens.Code).text}</code>
        </ScrollRegion>
      );
    case 'list': {
      const list = token as Tokens.List;
      const items = withKeys(list.items, (item) => item.raw).map(({ key, item }) => <li key={key}>{all(item.tokens, depth + 1)}</li>);
      return list.ordered ? <ol start={typeof list.start === 'number' ? list.start : 1}>{items}</ol> : <ul>{items}</ul>;
    }
    case 'table': {
      const table = token as Tokens.Table;
      return (
        <ScrollRegion className={styles.tableScroll} label="Table">
          <table>
            <thead>
              <tr>
                {withKeys(table.header, (cell) => cell.text).map(({ key, item }) => (
                  <th key={key} scope="col">
                    {all(item.tokens, depth + 1)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {withKeys(table.rows, (row) => row.map((cell) => cell.text).join('|')).map(({ key, item }) => (
                <tr key={key}>
                  {withKeys(item, (cell) => cell.text).map((cell) => (
                    <td key={cell.key}>{all(cell.item.tokens, depth + 1)}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </ScrollRegion>
      );
    }
    case 'strong':
      return <strong>{inner()}</strong>;
    case 'em':
      return <em>{inner()}</em>;
    case 'del':
      return <del>{inner()}</del>;
    case 'codespan':
      return <code className={styles.word}>{asWritten((token as Tokens.Codespan).text)}</code>;
    case 'br':
      return <br />;
    case 'link': {
      const href = safeHref((token as Tokens.Link).href);
      return href === undefined ? (
        token.raw
      ) : (
        <a href={href} target="_blank" rel="noopener noreferrer">
          {inner()}
        </a>
      );
    }
    case 'escape':
    case 'text': {
      const text = token as Tokens.Text;
      return text.tokens === undefined ? asWritten(text.text) : inner();
    }
    default:
      // HTML, images and whatever Markdown learns later: as written.
      return token.raw;
  }
}

export function Markdown({ text }: { readonly text: string }) {
  const tokens = useMemo(() => lexer(text), [text]);
  return all(tokens, 0);
}
