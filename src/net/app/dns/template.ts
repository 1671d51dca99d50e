/** The `template` plugin: answers made of the question's own words. CoreDNS: plugin/template. */
import { matchGoRegexp } from '../../../base/go-regexp.ts';
import { formatIp } from '../../addr/ip.ts';
import type { DnsResourceRecord } from '../../wire/dns-message.ts';
import type { TemplatePlugin } from '../dns-server-config.ts';
import { type Job, type PluginHandler, refuse, replyTo, type Step } from './chain.ts';
import { parseRecord } from './zone-file.ts';
import { fallsThrough, matchingZone } from './zone-names.ts';

export interface TemplateData {
  readonly Name: string;
  readonly Class: string;
  readonly Type: string;
  readonly Zone: string;
  readonly Remote: string;
  readonly match: readonly string[];
  readonly groups: Readonly<Record<string, string>>;
}

/** Actions of Go's text/template that records need: fields, `.Group.x`, `index .Match 1`, `parseInt .Group.x 16 8`. */
const ACTION = /\{\{-?\s*(.*?)\s*-?\}\}/g;

/** The action's value, or undefined where it is none that we know. */
function actionValue(action: string, data: TemplateData): string | undefined {
  const field = /^\.(Name|Class|Type|Zone|Remote)$/.exec(action)?.[1] as 'Name' | 'Class' | 'Type' | 'Zone' | 'Remote' | undefined;
  if (field !== undefined) return data[field];
  if (action === '.Question.Name') return data.Name;
  const group = /^(?:\.Group\.([A-Za-z_][A-Za-z0-9_]{0,99})|index\s+\.Group\s+"([A-Za-z0-9_]{1,100})")$/.exec(action);
  // A group that does not exist is what Go prints for a missing key of a map.
  if (group !== null) {
    const name = group[1] ?? group[2] ?? '';
    return Object.hasOwn(data.groups, name) ? data.groups[name] : '';
  }
  const place = /^index\s+\.Match\s+(\d{1,2})$/.exec(action);
  if (place !== null) return data.match[Number(place[1])];
  const number = /^parseInt\s+(\S+)\s+(\d{1,2})\s+(\d{1,2})$/.exec(action);
  if (number === null) return undefined;
  const value = Number.parseInt(actionValue(number[1] ?? '', data) ?? '', Number(number[2]));
  return Number.isFinite(value) && value < 2 ** Number(number[3]) ? String(value) : undefined;
}

/** Whether every action of a template is one that we carry out. */
export const isKnownTemplate = (text: string): boolean => {
  const data: TemplateData = { Name: 'a.', Class: 'IN', Type: 'A', Zone: '.', Remote: '1', match: Array.from({ length: 100 }, () => '1'), groups: {} };
  return [...text.matchAll(ACTION)].every((match) => {
    const action = match[1] ?? '';
    return action.startsWith('parseInt ') || actionValue(action, data) !== undefined;
  });
};

export function fillTemplate(text: string, data: TemplateData): string | undefined {
  let failed = false;
  const filled = text.replace(ACTION, (_whole, action: string) => {
    const value = actionValue(action, data);
    if (value === undefined) failed = true;
    return value ?? '';
  });
  return failed ? undefined : filled;
}

function records(templates: readonly string[], data: TemplateData): readonly DnsResourceRecord[] | undefined {
  const out: DnsResourceRecord[] = [];
  for (const text of templates) {
    const filled = fillTemplate(text, data);
    const record = filled === undefined ? undefined : parseRecord(filled);
    if (record === undefined) return undefined;
    out.push(record);
  }
  return out;
}

function answer(job: Job, template: TemplatePlugin['templates'][number], data: TemplateData): Step {
  if (template.rcode === 'SERVFAIL') return refuse('template', 'SERVFAIL');
  const answers = records(template.answer, data);
  const additionals = records(template.additional, data);
  const authorities = records(template.authority, data);
  if (answers === undefined || additionals === undefined || authorities === undefined) return refuse('template', 'SERVFAIL', 'dns: not a TTL');
  return replyTo(job, 'template', template.rcode, { authoritative: true, answers, additionals, authorities });
}

function request(job: Job, plugin: TemplatePlugin, ask: (question: Job['question'], data: unknown) => void): Step {
  const { type } = job.question;
  const lower = job.question.name.toLowerCase();
  for (const template of plugin.templates) {
    const zone = matchingZone(lower, template.zones);
    if (zone === undefined || (template.type !== 'ANY' && type !== 'ANY' && template.type !== type)) continue;
    let found: { match: readonly string[]; names: readonly string[] } | undefined = template.match.length === 0 ? { match: [lower], names: [''] } : undefined;
    for (const regexp of template.match) {
      const match = matchGoRegexp(regexp, lower);
      if (match === undefined) continue;
      found = { match, names: regexp.groups };
      break;
    }
    if (found === undefined) {
      if (fallsThrough(lower, template.fallthrough)) continue;
      return refuse('template', 'SERVFAIL');
    }
    const groups: Record<string, string> = {};
    found.match.forEach((text, i) => {
      groups[String(i)] = text;
    });
    found.names.forEach((name, i) => {
      if (name !== '' && name !== '__proto__') groups[name] = found?.match[i] ?? '';
    });
    const data = { Name: lower, Class: 'IN', Type: type, Zone: zone, Remote: formatIp(job.client.from.ip), match: found.match, groups };
    const result = answer(job, template, data);
    if (result === 'wait' || result.kind !== 'result' || result.message === undefined) return result;
    // A lone alias is followed by asking the server for its target.
    const last = result.message.answers.at(-1);
    if (last?.type === 'CNAME' && type !== 'CNAME' && type !== 'ANY') {
      ask({ name: last.data, type }, result);
      return 'wait';
    }
    return result;
  }
  return job;
}

export const templatePlugin: PluginHandler<TemplatePlugin> = {
  request: (run, job, plugin, at) => request(job, plugin, (question, data) => run.ask(job, at, question, data)),
  resume: (_run, _job, _plugin, _at, message, data) => {
    const first = data as Extract<Step, { readonly kind: 'result' }>;
    if (first.message === undefined) return first;
    return { ...first, message: { ...first.message, answers: [...first.message.answers, ...message.answers] } };
  },
};
