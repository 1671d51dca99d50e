/** The page that a browser would show in place of the answer, with the facts it goes by. */
import type { TlsWarning } from '../../net/app/definition.ts';
import styles from './TlsWarningCard.module.css';
import { browserWarning } from './tls-warning.ts';

/** `4 Apr 2026, 09:25 UTC` */
function day(ms: number): string {
  const text = new Date(ms).toUTCString();
  return `${text.slice(5, 16).replace(/^0/, '')}, ${text.slice(17, 22)} UTC`;
}

export function TlsWarningCard({ warning }: { readonly warning: TlsWarning }) {
  const { canProceed, headline, chrome, firefox, means, cure } = browserWarning(warning);
  const { code, asked, subject, issuer, names = [], notBeforeMs, notAfterMs, nowMs } = warning;
  const isDate = code === 9 || code === 10;
  const codes = [
    ['Chrome', chrome],
    ['Firefox', firefox],
  ] as const;
  const facts: readonly (readonly [string, string, boolean])[] = [
    ['Asked for', asked ?? 'no name', code === 62],
    ...(subject === undefined
      ? []
      : ([
          ['Certificate', subject, false],
          ['Names', names.length === 0 ? 'none' : names.join(', '), code === 62],
          ['Issued by', issuer ?? '', code === 18 || code === 19 || code === 20 || code === 21],
          ['Good from', day(notBeforeMs ?? 0), code === 9],
          ['Good until', day(notAfterMs ?? 0), code === 10],
        ] as const)),
    ['Clock', day(nowMs), isDate],
  ];
  return (
    <section className={styles.card} aria-label="What a browser would say">
      <p className={styles.over}>A browser would stop here</p>
      <div className={styles.head}>
        <svg className={styles.sign} viewBox="0 0 24 24" aria-hidden="true">
          <path d="M12 3 22 20.5H2Z" fill="none" stroke="currentColor" strokeWidth="1.8" strokeLinejoin="round" />
          <path d="M12 9.5v5M12 17v.9" stroke="currentColor" strokeWidth="1.8" strokeLinecap="round" />
        </svg>
        <h3>{headline}</h3>
      </div>
      <p>{means}</p>
      <dl className={styles.facts}>
        {codes.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <code>{value}</code>
            </dd>
          </div>
        ))}
        {facts.map(([name, value, isFault]) => (
          <div key={name} data-fault={isFault}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <p>
        <strong>What would help: </strong>
        {cure}
      </p>
      {canProceed ? (
        <p className={styles.note}>
          “Advanced” lets people go on at their own risk, unless the site has sent Strict-Transport-Security before. For curl that is -k.
        </p>
      ) : null}
    </section>
  );
}
