/** What the policies say of a pair: for each direction which of them select the pod, and which rule and term fitted or missed, with its line of YAML. */
import type { DirectionVerdict, RuleWalk, TermWalk, PolicyWalk as Walk } from '../../kube/policy/policy-types.ts';
import type { PolicyAnswer } from '../../world/reach/reach-views.ts';
import inspector from '../inspector/Inspector.module.css';
import { withKeys } from '../shell/with-keys.ts';
import { usePlayground } from '../state/context.ts';
import styles from './Why.module.css';

/** Rules of one policy, and terms of one rule. */
const MAX_LISTED = 30;

function Mark({ matched }: { readonly matched: boolean }) {
  return (
    <span className={styles.mark} data-matched={matched}>
      <span aria-hidden="true">{matched ? '✓' : '✕'}</span>
      <span className="visually-hidden">{matched ? 'fits: ' : 'does not fit: '}</span>
    </span>
  );
}

function Place({ policy, path, text }: { readonly policy: string; readonly path: string; readonly text: string }) {
  const playground = usePlayground();
  const go = async () => {
    const place = await playground.client.call('placeOf', policy, path).catch(() => null);
    if (place === null) playground.select({ kind: 'object', key: policy });
    else playground.revealPlace(place.file, place.span.startOffset, place.span.endOffset);
  };
  return (
    <button type="button" className={styles.owner} onClick={() => void go()}>
      {text}
    </button>
  );
}

function Terms({ policy, terms }: { readonly policy: string; readonly terms: readonly TermWalk[] }) {
  return withKeys(terms.slice(0, MAX_LISTED), (term) => term.path).map(({ key, item }) => (
    <li key={key} className={styles.term}>
      <Mark matched={item.matched} />
      <span>
        <Place policy={policy} path={item.path} text={item.path.replace(/^spec\./, '')} /> {item.reason}
      </span>
    </li>
  ));
}

function Rule({ policy, rule }: { readonly policy: string; readonly rule: RuleWalk }) {
  return (
    <li>
      <p className={styles.term}>
        <Mark matched={rule.matched} />
        <span>
          <Place policy={policy} path={rule.path} text={rule.path.replace(/^spec\./, '')} />
          {rule.name === undefined ? '' : ` “${rule.name}”`} {rule.matched ? `fits: ${rule.action}` : 'does not fit'}
          {rule.note === undefined ? '' : ` (${rule.note})`}
        </span>
      </p>
      <ul className={styles.terms}>
        <Terms policy={policy} terms={rule.peers} />
        <Terms policy={policy} terms={rule.ports} />
      </ul>
    </li>
  );
}

function Policy({ walk }: { readonly walk: Walk }) {
  return (
    <div>
      <p className={styles.policyName}>
        <Place policy={walk.policy} path="metadata.name" text={walk.policy} /> <span className={styles.by}>{walk.outcome}</span>
      </p>
      {walk.rules.length === 0 ? <p className={styles.note}>It selects the pod and has no rule for this direction: nothing is allowed by it.</p> : null}
      <ul className={styles.terms}>
        {withKeys(walk.rules.slice(0, MAX_LISTED), (rule) => rule.path).map(({ key, item }) => (
          <Rule key={key} policy={walk.policy} rule={item} />
        ))}
      </ul>
    </div>
  );
}

function Direction({ verdict, title }: { readonly verdict: DirectionVerdict; readonly title: string }) {
  return (
    <details className={styles.row} data-outcome={verdict.allowed ? 'open' : 'dropped'}>
      <summary>
        <span className={styles.rowMark} aria-hidden="true">
          {verdict.allowed ? '✓' : '✕'}
        </span>
        <span className={styles.about}>
          {title}: {verdict.reason}
        </span>
        <span />
        <span className={styles.word}>{verdict.allowed ? 'allowed' : 'denied'}</span>
      </summary>
      <div className={styles.rowBody}>
        {verdict.policies.length === 0 ? <p className={styles.note}>No policy selects it for this direction.</p> : null}
        {withKeys(verdict.policies, (walk) => walk.policy).map(({ key, item }) => (
          <Policy key={key} walk={item} />
        ))}
      </div>
    </details>
  );
}

export function PolicyWalk({ answer, reached }: { readonly answer: PolicyAnswer; readonly reached: boolean }) {
  const { verdict, from, to, protocol, port } = answer;
  return (
    <section aria-label="What the policies say">
      <h3 className={inspector.heading}>What the policies say</h3>
      <p className={styles.note}>
        {from} → {to} {protocol === 'ICMP' ? 'ping' : `${port}/${protocol}`}
        {!verdict.allowed && reached ? '. It was answered all the same: this network does not enforce them, or it was open before.' : ''}
      </p>
      <Direction verdict={verdict.egress} title="To send" />
      <Direction verdict={verdict.ingress} title="To receive" />
    </section>
  );
}
