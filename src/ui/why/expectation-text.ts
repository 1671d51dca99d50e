/** The manifest that keeps an answer as an expectation. */
import type { ReachAnswer } from '../../world/reach/reach-views.ts';
import { endName } from './ends.ts';

const FILE = 'expectations.yaml';

function peer(end: string): { readonly text: string; readonly namespace: string } {
  const parts = end.split('/');
  const namespace = parts.length > 2 ? (parts[1] as string) : 'default';
  const name = JSON.stringify(parts.at(-1) ?? '');
  if (parts[0] === 'pod') return { text: `pod: ${name}`, namespace };
  if (parts[0] === 'service') return { text: `service: ${name}`, namespace };
  if (parts[0] === 'host') return { text: `host: ${name}`, namespace };
  return { text: `address: ${JSON.stringify(end)}`, namespace };
}

/** Names of controllers' pods do not last: their letters at the end are cut off for the name of the expectation only. */
const short = (end: string): string =>
  endName(end)
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 24) || 'x';

/** The text of the file with one more expectation: of the way that a person would try first. Undefined where nothing was tried. */
export function withExpectation(
  before: string | null,
  answer: ReachAnswer,
  expected: 'Open' | 'Closed',
): { readonly file: string; readonly text: string; readonly name: string } | undefined {
  const first = answer.rows[0]?.result;
  if (first === undefined || first.outcome === 'unsent') return undefined;
  const { from, to } = answer.question;
  const { protocol, port } = first.spec;
  const asked = peer(from);
  const target = peer(to);
  const stem = `${short(from)}-${expected === 'Open' ? 'reaches' : 'not'}-${short(to)}`.slice(0, 56);
  let name = stem;
  for (let i = 2; before?.includes(`name: ${name}\n`) === true && i < 1000; i += 1) name = `${stem}-${i}`;
  const where = target.namespace === asked.namespace || /^(?:host|address)/.test(target.text) ? '' : `, namespace: ${target.namespace}`;
  const text = [
    'apiVersion: kubehop.dev/v1alpha1',
    'kind: Expectation',
    'metadata:',
    `  name: ${name}`,
    `  namespace: ${asked.namespace}`,
    'spec:',
    `  from: { ${asked.text} }`,
    `  to: { ${target.text}${where} }`,
    ...(protocol === 'ICMP' ? ['  protocol: ICMP'] : [`  port: ${port}`, ...(protocol === 'TCP' ? [] : [`  protocol: ${protocol}`])]),
    `  outcome: ${expected}`,
    '',
  ].join('\n');
  const kept = before?.replace(/\s+$/, '') ?? '';
  return { file: FILE, text: kept === '' ? text : `${kept}\n---\n${text}`, name };
}

export const EXPECTATIONS_FILE = FILE;
