import { describe, expect, it } from 'vitest';
import type { ReachPeer } from '../../world/reach/reach-views.ts';
import { typedQuestion } from './ask-items.ts';
import { diffLines } from './diff-lines.ts';
import { withExpectation } from './expectation-text.ts';
import { cellOf, cellSpecs, linesOf, type Outcomes, specKey } from './matrix-model.ts';

const pod = (name: string, app: string, ip: string, namespace = 'default'): ReachPeer => ({
  end: `pod/${namespace}/${name}`,
  netns: `n/netns/${name}`,
  title: name,
  namespace,
  labels: { app },
  ip,
  ports: ['80/TCP'],
});
const many = Array.from({ length: 1_000 }, (_, i) => pod(`p${i}`, `app-${i % 10}`, `10.244.${i >> 8}.${i & 255}`));

describe('the matrix', () => {
  it('keeps a thousand pods to a line an application, and lists the members of an open one', () => {
    expect(linesOf(many, 'app', new Set())).toHaveLength(10);
    const lines = linesOf(many, 'app', new Set(['default/app-3']));
    expect(lines).toHaveLength(110);
    expect(lines.filter((line) => line.group === 'default/app-3' && !line.isGroup)).toHaveLength(100);
    expect(linesOf(many, 'none', new Set())).toHaveLength(1_000);
  });

  it('tries a few pairs of two groups, never a pod with itself, and says how many are open', () => {
    const [row] = linesOf(many, 'app', new Set());
    if (row === undefined) throw new Error('no line');
    const specs = cellSpecs(row, row, { kind: 'ports' });
    expect(specs).toHaveLength(4);
    expect(specs.every((spec) => !many.some((one) => one.netns === spec.from && one.ip === spec.target))).toBe(true);
    const outcomes: Outcomes = new Map(specs.map((spec, i) => [specKey(spec), i === 0 ? 'dropped' : 'open']));
    expect(cellOf(specs, outcomes, new Map())).toEqual({ state: 'mixed', open: 3, tried: 4, change: undefined });
    expect(cellOf(specs, outcomes, new Map(specs.map((spec) => [specKey(spec), 'open'])))).toMatchObject({ change: 'closed' });
    expect(cellOf([], outcomes, new Map()).state).toBe('none');
  });
});

describe('around a question', () => {
  it('reads a typed sentence', () => {
    expect(typedQuestion('why can’t client reach web-service:80?')?.[0]?.label).toBe('Why can’t client reach web-service on port 80?');
    expect(typedQuestion('client reach pod/kube-system/x')?.[0]?.label).toBe('Why can’t client reach pod/kube-system/x?');
    expect(typedQuestion('kubectl get pods')).toBeUndefined();
    expect(typedQuestion('what can reach web')).toBeUndefined();
  });

  it('shows an edit with the lines around it', () => {
    expect(diffLines('a\nb\nc\nd\ne\nf\n', 'a\nb\nc\nX\ne\nf\n').map(({ kind, text }) => `${kind} ${text}`)).toEqual([
      'gap ',
      'same b',
      'same c',
      'gone d',
      'new X',
      'same e',
      'same f',
    ]);
    expect(diffLines('', 'a\n').map(({ kind }) => kind)).toEqual(['new']);
  });

  it('writes an expectation, under a name that is free', () => {
    const result = { spec: { from: 'x', protocol: 'TCP', target: '10.0.0.1', port: 80 }, outcome: 'open', said: '', onTheWayBack: false } as const;
    const answer = {
      question: { from: 'pod/default/client', to: 'service/shop/web' },
      reached: true,
      conclusion: [],
      rows: [{ direction: 'there', about: '', result }],
    } as const;
    const first = withExpectation(null, answer, 'Open');
    expect(first?.text).toContain('  to: { service: "web", namespace: shop }\n  port: 80\n  outcome: Open\n');
    expect(withExpectation(first?.text ?? '', answer, 'Open')?.name).toBe('client-reaches-web-2');
  });
});
