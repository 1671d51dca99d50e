/** The `rewrite` plugin: changes questions on their way in and answers on their way back. CoreDNS: plugin/rewrite. */
import { matchGoRegexp } from '../../../base/go-regexp.ts';
import { isWireName } from '../../wire/dns-codec.ts';
import type { DnsMessage, DnsResourceRecord } from '../../wire/dns-message.ts';
import type { DnsPlugin, NameMatch, RewriteRule } from '../dns-server-config.ts';
import { noteOf, type PluginHandler, refuse, withNote } from './chain.ts';

type RewritePlugin = Extract<DnsPlugin, { readonly name: 'rewrite' }>;

/** What is done to the records of an answer. Plain data. */
type Change =
  /** `answer auto`: the name that was put in is taken out again, with what stands before it. */
  | { readonly kind: 'auto'; readonly from: string; readonly to: string }
  | { readonly kind: 'suffix'; readonly from: string; readonly to: string }
  | { readonly kind: 'answer'; readonly part: 'name' | 'value'; readonly rule: Extract<RewriteRule, { field: 'name' }>['answers'][number] }
  | { readonly kind: 'ttl'; readonly min: number; readonly max: number }
  | { readonly kind: 'rcode'; readonly from: DnsMessage['rcode']; readonly to: DnsMessage['rcode'] };

/** `{1}` becomes the text of the first group. */
export function fillGroups(template: string, groups: readonly string[]): string {
  return template.replace(/\{(\d{1,2})\}/g, (whole, index: string) => groups[Number(index)] ?? whole);
}

/** The name as a rule makes it, or undefined where it does not match. */
function renamed(match: NameMatch, to: string, name: string): string | undefined {
  switch (match.how) {
    case 'exact':
      return name === match.text ? to : undefined;
    case 'prefix':
      return name.startsWith(match.text) ? to + name.slice(match.text.length) : undefined;
    case 'suffix':
      return name.endsWith(match.text) ? name.slice(0, name.length - match.text.length) + to : undefined;
    case 'substring':
      return name.includes(match.text) ? name.replaceAll(match.text, to) : undefined;
    case 'regex': {
      const groups = matchGoRegexp(match.regexp, name);
      return groups === undefined ? undefined : fillGroups(to, groups);
    }
  }
}

function targetOf(record: DnsResourceRecord): string {
  if (record.type === 'SRV') return record.data.split(' ')[3] ?? '';
  if (record.type === 'MX') return record.data.split(' ')[1] ?? '';
  if (record.type === 'SOA') return record.data.split(' ')[0] ?? '';
  return record.type === 'CNAME' || record.type === 'NS' ? record.data : '';
}

function withValue(record: DnsResourceRecord, value: string): DnsResourceRecord {
  const place = record.type === 'SRV' ? 3 : record.type === 'MX' ? 1 : 0;
  const words = record.data.split(' ');
  words[place] = value;
  return { ...record, data: words.join(' ') };
}

function changedText(change: Change, text: string): string {
  if (change.kind === 'auto') {
    if (text === change.from) return change.to;
    return text.endsWith(`.${change.from}`) ? text.slice(0, text.length - change.from.length) + change.to : text;
  }
  if (change.kind === 'suffix') return text.endsWith(change.from) ? text.slice(0, text.length - change.from.length) + change.to : text;
  if (change.kind !== 'answer') return text;
  const groups = matchGoRegexp(change.rule.regexp, text);
  return groups === undefined ? text : fillGroups(change.rule.to, groups);
}

function changed(record: DnsResourceRecord, changes: readonly Change[]): DnsResourceRecord {
  let after = record;
  for (const change of changes) {
    if (change.kind === 'ttl') after = { ...after, ttlSeconds: Math.min(Math.max(after.ttlSeconds, change.min), change.max) };
    if (change.kind !== 'answer' || change.part === 'name') {
      const name = changedText(change, after.name);
      if (name !== after.name && isWireName(name)) after = { ...after, name };
    }
    if (change.kind !== 'answer' || change.part === 'value') {
      const value = targetOf(after);
      const next = value === '' ? value : changedText(change, value);
      if (next !== value && isWireName(next)) after = withValue(after, next);
    }
  }
  return after;
}

export const rewritePlugin: PluginHandler<RewritePlugin> = {
  request: (_run, job, plugin, at) => {
    let { question } = job;
    const changes: Change[] = [];
    let matched = false;
    for (const rule of plugin.rules) {
      const lower = question.name.toLowerCase();
      let hit = false;
      if (rule.field === 'type') {
        hit = question.type === rule.from;
        if (hit) question = { ...question, type: rule.to };
      } else if (rule.field === 'name') {
        const name = renamed(rule.match, rule.to, lower);
        hit = name !== undefined;
        if (name !== undefined) {
          const whole = name.endsWith('.') ? name : `${name}.`;
          if (!isWireName(whole)) return refuse('rewrite', 'SERVFAIL', `invalid name after rewrite: ${whole}`);
          if (rule.auto && rule.match.how === 'suffix') changes.push({ kind: 'suffix', from: rule.to, to: rule.match.text });
          else if (rule.auto) changes.push({ kind: 'auto', from: whole, to: lower });
          for (const answer of rule.answers) changes.push({ kind: 'answer', part: answer.part, rule: answer });
          question = { ...question, name: whole };
        }
      } else if (renamed(rule.match, '', lower) !== undefined) {
        hit = true;
        changes.push(rule.field === 'ttl' ? { kind: 'ttl', min: rule.min, max: rule.max } : { kind: 'rcode', from: rule.from, to: rule.to });
      }
      matched ||= hit;
      if (hit && rule.stop) break;
    }
    return matched ? withNote({ ...job, question }, at, { question: job.question, changes }) : job;
  },
  response: (_run, job, _plugin, at, result) => {
    const note = noteOf(job, at) as { readonly question: DnsMessage['question']; readonly changes: readonly Change[] } | undefined;
    if (note === undefined || result.message === undefined) return result;
    const { changes } = note;
    const all = (records: readonly DnsResourceRecord[]) => (changes.length === 0 ? records : records.map((record) => changed(record, changes)));
    const { message } = result;
    const code = changes.find((change) => change.kind === 'rcode' && change.from === message.rcode);
    const rcode = code?.kind === 'rcode' ? code.to : message.rcode;
    return {
      ...result,
      rcode,
      message: {
        ...message,
        rcode,
        question: note.question,
        answers: all(message.answers),
        authorities: all(message.authorities),
        additionals: all(message.additionals),
      },
    };
  },
};
