/** "Why can't A reach B?": the question, every way that was tried, where it ended, what would fix it, and what should stay so. */
import { useCallback, useEffect, useId, useMemo, useState } from 'react';
import type { ExpectationResult, Fix, ReachAnswer, ReachPeer, ReachQuestion, ReachRow } from '../../world/reach/reach-views.ts';
import type { HopView } from '../../world/views.ts';
import inspector from '../inspector/Inspector.module.css';
import { Words } from '../inspector/Words.tsx';
import { withKeys } from '../shell/with-keys.ts';
import { useMirror, usePlayground, useSession } from '../state/context.ts';
import { endText, OUTCOMES, portText, rowKey } from './ends.ts';
import { EXPECTATIONS_FILE, withExpectation } from './expectation-text.ts';
import { FixCard } from './FixCard.tsx';
import { PolicyWalk } from './PolicyWalk.tsx';
import { useAnswer } from './use-answer.ts';
import styles from './Why.module.css';

/** Names offered in the fields. */
const MAX_OFFERED = 1_500;

export function usePeers(): readonly ReachPeer[] {
  const { client } = usePlayground();
  const topology = useMirror((mirror) => mirror.topology);
  const [peers, setPeers] = useState<readonly ReachPeer[]>([]);
  useEffect(() => {
    void topology;
    let alive = true;
    client.call('reachPeers').then(
      (list) => {
        if (alive) setPeers(list);
      },
      () => undefined,
    );
    return () => {
      alive = false;
    };
  }, [client, topology]);
  return peers;
}

function Question({ question }: { readonly question: ReachQuestion | undefined }) {
  const playground = usePlayground();
  const peers = usePeers();
  const id = useId();
  const [from, setFrom] = useState(endText(question?.from ?? ''));
  const [to, setTo] = useState(endText(question?.to ?? ''));
  const [port, setPort] = useState(question?.port === undefined ? '' : String(question.port));
  const [shown, setShown] = useState(question);
  if (shown !== question) {
    setShown(question);
    setFrom(endText(question?.from ?? ''));
    setTo(endText(question?.to ?? ''));
    setPort(question?.port === undefined ? '' : String(question.port));
  }
  const senders = useMemo(() => peers.filter((one) => one.netns !== '').slice(0, MAX_OFFERED), [peers]);
  const submit = () => {
    if (from.trim() === '' || to.trim() === '') return;
    const number = Number(port);
    const keep = question?.protocol !== undefined && question.port === number ? { protocol: question.protocol } : {};
    playground.ask({ from: from.trim(), to: to.trim(), ...(port.trim() !== '' && number >= 1 && number <= 65535 ? { port: number, ...keep } : {}) });
  };
  return (
    <form
      className={styles.question}
      aria-label="Why can’t A reach B?"
      onKeyDown={(event) => event.stopPropagation()}
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <label>
        <span>From</span>
        <input
          list={`${id}-from`}
          value={from}
          placeholder="pod/client"
          maxLength={320}
          spellCheck={false}
          autoComplete="off"
          onChange={(event) => setFrom(event.target.value)}
        />
      </label>
      <label>
        <span>To</span>
        <input
          list={`${id}-to`}
          value={to}
          placeholder="service/web-service"
          maxLength={320}
          spellCheck={false}
          autoComplete="off"
          onChange={(event) => setTo(event.target.value)}
        />
      </label>
      <div className={styles.line}>
        <label>
          <span>Port</span>
          <input
            value={port}
            placeholder="all"
            inputMode="numeric"
            maxLength={5}
            autoComplete="off"
            onChange={(event) => setPort(event.target.value.replace(/\D/g, ''))}
          />
        </label>
        <button type="submit" className={styles.primary} disabled={from.trim() === '' || to.trim() === ''}>
          Ask
        </button>
        <button
          type="button"
          className={styles.secondary}
          title="Ask in the other direction"
          aria-label="Swap the two ends"
          onClick={() => {
            setFrom(to);
            setTo(from);
          }}
        >
          <span aria-hidden="true">⇅</span>
        </button>
        <button type="button" className={styles.secondary} onClick={() => playground.session.setState({ matrix: {}, pane: 'canvas' })}>
          Matrix
        </button>
      </div>
      <datalist id={`${id}-from`}>
        {senders.map((one) => (
          <option key={one.end} value={endText(one.end)}>
            {one.ip}
          </option>
        ))}
      </datalist>
      <datalist id={`${id}-to`}>
        {peers.slice(0, MAX_OFFERED).map((one) => (
          <option key={one.end} value={endText(one.end)}>
            {[one.ip, ...one.ports].filter((text) => text !== '').join(' · ')}
          </option>
        ))}
      </datalist>
    </form>
  );
}

function useShowHops(): (label: string, hops: readonly HopView[]) => void {
  const playground = usePlayground();
  return (label, hops) => {
    playground.session.setState({ run: { label, session: '', fromSeq: -1, toSeq: -1 }, inspecting: 'hop', matrix: undefined, pane: 'canvas' });
    playground.playback.setHops(hops, { play: true });
  };
}

function Row({ row, was, question }: { readonly row: ReachRow; readonly was: ReachRow | undefined; readonly question: ReachQuestion }) {
  const playground = usePlayground();
  const show = useShowHops();
  const { result } = row;
  const { mark, word } = OUTCOMES[result.outcome];
  const { failing } = result;
  const step = failing?.event.step;
  const hops = result.hops ?? [];
  const changed = was !== undefined && was.result.outcome !== result.outcome;
  return (
    <details className={styles.row} data-outcome={result.outcome}>
      <summary>
        <span className={styles.rowMark} aria-hidden="true">
          {mark}
        </span>
        <span className={styles.about}>{row.about}</span>
        <span className={styles.port}>{portText(result.spec)}</span>
        <span className={styles.word}>
          {word}
          {changed ? <span className={styles.was}> was {OUTCOMES[was.result.outcome].word}</span> : null}
        </span>
      </summary>
      <div className={styles.rowBody}>
        {failing === undefined ? null : (
          <>
            <p className={styles.where}>
              <strong>{step?.kind === 'dropped' ? (result.onTheWayBack ? 'The answer ends at ' : 'Ends at ') : 'Last seen at '}</strong>
              {failing.where}: {failing.title}
            </p>
            <p className={inspector.why} data-family={failing.family}>
              <Words phrases={failing.why} />
            </p>
          </>
        )}
        {result.said === '' ? null : <code className={styles.said}>{result.said}</code>}
        <div className={styles.buttons}>
          {hops.length === 0 ? null : (
            <button type="button" className={styles.secondary} onClick={() => show(`${endText(question.from)} → ${endText(question.to)}, ${row.about}`, hops)}>
              Watch its packets
            </button>
          )}
          {step?.kind === 'dropped' ? (
            <button type="button" className={styles.secondary} onClick={() => playground.session.setState({ dialog: 'drop', drop: step.reason })}>
              About {step.reason}
            </button>
          ) : null}
        </div>
      </div>
    </details>
  );
}

function Keep({ answer }: { readonly answer: ReachAnswer }) {
  const playground = usePlayground();
  const [kept, setKept] = useState('');
  const keep = (expected: 'Open' | 'Closed') => {
    const before = playground.document.getState().texts.find((file) => file.path === EXPECTATIONS_FILE)?.text ?? null;
    const next = withExpectation(before, answer, expected);
    if (next === undefined) return;
    const problem = before === null ? playground.edits.addFile(next.file, next.text) : playground.edits.setText(next.file, next.text);
    if (problem === undefined) setKept(next.name);
    else playground.notify(problem, 'problem');
  };
  if (answer.rows.length === 0) return null;
  if (kept !== '') {
    return (
      <p className={styles.note} role="status">
        {EXPECTATIONS_FILE} has {kept}; it is tried after each edit.
      </p>
    );
  }
  const title = 'Writes a kind: Expectation that is tried after each edit';
  return (
    <>
      <button type="button" className={styles.secondary} onClick={() => keep('Open')} title={title}>
        Expect it open
      </button>
      <button type="button" className={styles.secondary} onClick={() => keep('Closed')} title={title}>
        Expect it closed
      </button>
    </>
  );
}

function Expectation({ one }: { readonly one: ExpectationResult }) {
  const playground = usePlayground();
  return (
    <li data-pass={one.pass}>
      <button type="button" className={styles.expectation} onClick={() => playground.select({ kind: 'object', key: one.key })}>
        <span className={styles.mark} aria-hidden="true">
          {one.pass ? '✓' : '✕'}
        </span>
        <span>
          <span className="visually-hidden">{one.pass ? 'holds: ' : 'does not hold: '}</span>
          <strong>{one.title}</strong> {one.what}
          {one.pass ? ` is ${one.expected}` : `: expected ${one.expected}, ${one.found}`}
        </span>
      </button>
    </li>
  );
}

function Answer({ question }: { readonly question: ReachQuestion }) {
  // A change that was made stays on its card, so that it can be taken back.
  const [made, setMade] = useState<Fix | undefined>(undefined);
  const onMade = useCallback((fix: Fix, isMade: boolean) => setMade(isMade ? fix : undefined), []);
  const { state, busy, problem } = useAnswer(question);
  const asked = question.from !== '' && question.to !== '';
  if (problem !== '') return <p className={styles.note}>It could not be tried: {problem}</p>;
  if (!asked) return <p className={styles.note}>Choose who asks and who is asked. Real packets are sent in a copy of this world; yours does not notice.</p>;
  if (state === undefined) return <p className={styles.note}>{busy ? 'Sending packets …' : ''}</p>;
  const { answer, before, fixes } = state;
  const was = new Map((before?.rows ?? []).map((row) => [rowKey(row), row]));
  const there = answer.rows.filter((row) => row.direction === 'there');
  const back = answer.rows.filter((row) => row.direction === 'back');
  const list = (rows: readonly ReachRow[]) =>
    withKeys(rows, rowKey).map(({ key, item }) => <Row key={key} row={item} was={was.get(rowKey(item))} question={answer.question} />);
  return (
    <div aria-busy={busy}>
      <p className={styles.conclusion} data-reached={answer.reached} role="status">
        <span className={styles.mark} aria-hidden="true">
          {answer.reached ? '✓' : '✕'}
        </span>
        <span>
          <Words phrases={answer.conclusion} />
        </span>
      </p>
      {there.length === 0 ? null : (
        <>
          <h3 className={inspector.heading}>What was tried</h3>
          {list(there)}
        </>
      )}
      {back.length === 0 ? null : (
        <>
          <h3 className={inspector.heading}>The other direction</h3>
          {list(back)}
        </>
      )}
      {answer.policy === undefined ? null : <PolicyWalk answer={answer.policy} reached={answer.reached} />}
      {made === undefined ? null : (
        <section aria-label="The change that was made">
          <h3 className={inspector.heading}>Changed</h3>
          <FixCard key={`made ${made.title}`} fix={made} made onMade={onMade} />
        </section>
      )}
      {answer.reached || answer.rows.length === 0 || made !== undefined ? null : (
        <section aria-label="What would fix it">
          <h3 className={inspector.heading}>What would fix it</h3>
          {fixes === undefined ? (
            <p className={styles.note}>Trying changes on a copy …</p>
          ) : fixes.length === 0 ? (
            <p className={styles.note}>None of the changes that were tried on a copy opened the way.</p>
          ) : (
            fixes.map((fix) => <FixCard key={fix.title} fix={fix} made={false} onMade={onMade} />)
          )}
        </section>
      )}
      <div className={styles.buttons}>
        <Keep key={JSON.stringify(answer.question)} answer={answer} />
      </div>
    </div>
  );
}

const NOTHING: ReachQuestion = { from: '', to: '' };

export function WhyPanel() {
  const question = useSession((session) => session.question);
  const expectations = useSession((session) => session.expectations);
  return (
    <div className={styles.panel}>
      <h2 className="visually-hidden">Who reaches whom</h2>
      <Question question={question} />
      <Answer key={JSON.stringify(question)} question={question ?? NOTHING} />
      {expectations === undefined || expectations.length === 0 ? null : (
        <>
          <h3 className={inspector.heading}>Expectations</h3>
          <ul className={styles.expectations}>
            {expectations.map((one) => (
              <Expectation key={one.key} one={one} />
            ))}
          </ul>
        </>
      )}
    </div>
  );
}
