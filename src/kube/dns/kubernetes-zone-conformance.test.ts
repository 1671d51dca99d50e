/** CoreDNS' own expectations and the Kubernetes DNS specification's examples, read from ../shared/conformance. */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lookUpZones } from '../../net/app/dns/kubernetes.ts';
import type { DnsZone } from '../../net/app/dns-server-config.ts';
import type { DnsType } from '../../net/wire/dns-message.ts';
import type { KubeObject } from '../../objects/types.ts';
import { objectView } from '../node/testing/object-view.ts';
import type { KubernetesPlugin } from './coredns-config.ts';
import { kubernetesZones } from './kubernetes-zone.ts';

interface Answer {
  readonly name: string;
  readonly type: string;
  readonly rdata: string;
}
interface Case {
  readonly id: string;
  readonly fixture?: string;
  readonly objects?: readonly KubeObject[];
  readonly config?: {
    readonly zones: readonly string[];
    readonly podMode: KubernetesPlugin['pods'];
    readonly ignoreEmptyService: boolean;
    readonly synced: boolean;
    readonly exposedNamespaces?: readonly string[];
  };
  readonly query: { readonly name: string; readonly type: string };
  readonly rcode: string;
  readonly answer: readonly Answer[];
  readonly authority?: readonly Answer[];
  readonly upstream?: Readonly<Record<string, string>> | null;
}

function read<T>(name: string, absent: T): T {
  const path = resolve(import.meta.dirname, '../../../../shared/conformance', name);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as T) : absent;
}
const coredns = read<{ fixtures: Record<string, KubeObject[]>; cases: Case[] }>('coredns.json', { fixtures: {}, cases: [] });
const specification = read<{ cases: Case[] }>('dns-spec.json', { cases: [] });

function pluginOf(one: Case): KubernetesPlugin {
  const namespaces = one.config?.exposedNamespaces;
  return {
    name: 'kubernetes',
    zones: one.config?.zones ?? ['cluster.local.', 'in-addr.arpa.', 'ip6.arpa.'],
    pods: one.config?.podMode ?? 'disabled',
    ttlSeconds: 5,
    fallthrough: [],
    ignoreEmptyService: one.config?.ignoreEmptyService ?? false,
    endpointPodNames: false,
    noEndpoints: false,
    ...(namespaces === undefined ? {} : { namespaces }),
  };
}

interface Found {
  readonly rcode: string;
  readonly answers: readonly Answer[];
  readonly authorities: readonly Answer[];
}

/** What the server answers; `outside` stands for what its upstream knows. */
function resolveIn(zones: readonly DnsZone[], name: string, type: string, outside: Readonly<Record<string, string>>): Found {
  const records = (list: readonly { name: string; type: string; data: string }[]) => list.map((one) => ({ ...one, rdata: one.data }));
  const found = lookUpZones(zones, { name, type: type as DnsType });
  if (found.kind === 'answer') return { rcode: found.rcode, answers: records(found.answers), authorities: records(found.authorities) };
  if (found.kind !== 'chase') return { rcode: found.kind === 'refused' ? 'REFUSED' : 'next', answers: [], authorities: [] };
  const known = outside[found.target];
  const further = known !== undefined && type === 'A' ? [{ name: found.target, type, rdata: known }] : [];
  return { rcode: 'NOERROR', answers: [...records(found.records), ...further], authorities: [] };
}

const lines = (answers: readonly Answer[], soaDataWords: number) =>
  answers
    .map(
      (answer) =>
        `${answer.name.toLowerCase()} ${answer.type} ${answer.type === 'SOA' ? answer.rdata.split(' ').slice(0, soaDataWords).join(' ').toLowerCase() : answer.rdata.toLowerCase()}`,
    )
    .sort();

/** `_zone` names are a new plugin option that has to be asked for. */
const judged = coredns.cases.filter((one) => !one.id.startsWith('TestServeDNSZonal'));

describe.skipIf(coredns.cases.length === 0)("CoreDNS' kubernetes plugin (coredns.json)", () => {
  for (const one of judged) {
    it(`${one.id}: ${one.query.name} ${one.query.type}`, () => {
      const compiled = kubernetesZones(pluginOf(one), ['10.0.0.10'], objectView(coredns.fixtures[one.fixture ?? ''] ?? []));
      const zones = one.config?.synced === false ? compiled.map((zone) => ({ ...zone, unsynced: true })) : compiled;
      const found = resolveIn(zones, one.query.name, one.query.type, { 'ext.interwebs.test.': '1.2.3.4' });
      expect(found.rcode).toBe(one.rcode);
      expect(lines(found.answers, 2)).toEqual(lines(one.answer, 2));
      // Names that were asked for keep their case.
      for (const answer of found.answers) if (answer.name.toLowerCase() === one.query.name.toLowerCase()) expect(answer.name).toBe(one.query.name);
      const soa = (list: readonly Answer[]) => list.filter((record) => record.type === 'SOA').map((record) => record.name.toLowerCase());
      expect(soa(found.authorities)).toEqual(soa(one.authority ?? []));
    });
  }
});

describe.skipIf(specification.cases.length === 0)('the Kubernetes DNS specification (dns-spec.json)', () => {
  for (const one of specification.cases) {
    it(`${one.id}: ${one.query.name} ${one.query.type}`, () => {
      const zones = kubernetesZones(pluginOf(one), [], objectView(one.objects ?? []));
      const outside = Object.fromEntries(Object.entries(one.upstream ?? {}).map(([question, ip]) => [question.split(' ')[0], ip]));
      const found = resolveIn(zones, one.query.name, one.query.type, outside);
      expect(found.rcode).toBe(one.rcode);
      // The specification leaves priority and weight open.
      const open = (text: string) => text.replace(/(SRV) \S+ \S+/g, '$1 * *');
      expect(lines(found.answers, 2).map(open)).toEqual(lines(one.answer, 2).map(open));
    });
  }
});
