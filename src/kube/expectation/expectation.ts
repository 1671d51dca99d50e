/** The kind Expectation of our own group: who should reach whom. It changes nothing; `kubehop test` and the page try it and say whether it holds. */
import { defineKind } from '../../objects/define.ts';
import type { FieldError, KubeObject } from '../../objects/types.ts';
import { portRange, required } from '../field-errors.ts';
import { formatSelector, type LabelSelector, labelSelectorSchema, validateSelector } from '../label-selector.ts';
import { choice, integer, kindSchema, struct, text, withDefault } from '../schema.ts';

export interface ExpectationPeer {
  /** Of pod, Service and podSelector; the Expectation's own when absent. */
  readonly namespace?: string;
  readonly pod?: string;
  readonly podSelector?: LabelSelector;
  /** With podSelector: pods of every namespace with such labels. */
  readonly namespaceSelector?: LabelSelector;
  readonly host?: string;
  readonly service?: string;
  readonly address?: string;
}
export type ExpectedOutcome = 'Open' | 'Closed' | 'Refused' | 'Dropped';
export interface Expectation extends KubeObject {
  readonly spec: {
    readonly from: ExpectationPeer;
    readonly to: ExpectationPeer;
    readonly port?: number;
    readonly protocol?: 'TCP' | 'UDP' | 'ICMP';
    readonly outcome?: ExpectedOutcome;
  };
}

const common = {
  namespace: text("Namespace of the pod, the pods or the Service; the Expectation's own when absent."),
  pod: text('Name of a pod.'),
  podSelector: labelSelectorSchema('Every pod with such labels.'),
  namespaceSelector: labelSelectorSchema('With podSelector: the namespaces of the pods.'),
  host: text('A node or a Host.'),
};

const FROM = ['pod', 'podSelector', 'host'] as const;
const TO = [...FROM, 'service', 'address'] as const;

function peerErrors(path: string, peer: ExpectationPeer | undefined, fields: readonly (keyof ExpectationPeer)[]): FieldError[] {
  if (peer === undefined) return [required(path)];
  const given = fields.filter((field) => peer[field] !== undefined);
  return [
    ...(given.length === 1 ? [] : [required(path, `exactly one of ${fields.join(', ')} is needed`)]),
    ...(peer.podSelector === undefined ? [] : validateSelector(`${path}.podSelector`, peer.podSelector)),
    ...(peer.namespaceSelector === undefined ? [] : validateSelector(`${path}.namespaceSelector`, peer.namespaceSelector)),
  ];
}

/** `pod/client`, `pods app=web`, `service/web`. */
export function peerText(peer: ExpectationPeer): string {
  if (peer.pod !== undefined) return `pod/${peer.pod}`;
  if (peer.service !== undefined) return `service/${peer.service}`;
  if (peer.host !== undefined) return `host/${peer.host}`;
  if (peer.podSelector !== undefined) return `pods ${formatSelector(peer.podSelector)}`;
  return peer.address ?? '';
}

export const expectation = defineKind<Expectation>({
  apiVersion: 'kubehop.dev/v1alpha1',
  kind: 'Expectation',
  plural: 'expectations',
  singular: 'expectation',
  shortNames: ['expect'],
  namespaced: true,
  schema: kindSchema('Who should reach whom, or should not. It is tried after each edit; nothing in the cluster depends on it.', {
    spec: struct(
      'What is expected.',
      {
        from: struct('Who asks: one of pod, podSelector, host.', common),
        to: struct('Who is asked: one of pod, podSelector, host, service, address.', {
          ...common,
          service: text('Name of a Service.'),
          address: text('An address or a DNS name.'),
        }),
        port: integer('Port; without one every port that the Service has.', { minimum: 1, maximum: 65535 }),
        protocol: withDefault(choice('Protocol.', ['TCP', 'UDP', 'ICMP']), 'TCP'),
        outcome: withDefault(
          choice('Open: answered. Refused: the sender is told no. Dropped: it is told nothing. Closed: either of the two, or no such name.', [
            'Open',
            'Closed',
            'Refused',
            'Dropped',
          ]),
          'Open',
        ),
      },
      ['from', 'to'],
    ),
  }),
  validate: ({ spec }) => {
    if (spec === undefined) return [required('spec')];
    const needsPort = spec.protocol !== 'ICMP' && spec.to?.service === undefined;
    return [
      ...peerErrors('spec.from', spec.from, FROM),
      ...peerErrors('spec.to', spec.to, TO),
      ...(spec.port === undefined ? (needsPort ? [required('spec.port')] : []) : portRange('spec.port', spec.port)),
    ];
  },
  columns: ['NAME', 'FROM', 'TO', 'PORT', 'OUTCOME', 'AGE'].map((name) => ({ name, priority: 0 as const })),
  row: ({ metadata, spec }, context) => [
    metadata.name,
    peerText(spec.from),
    peerText(spec.to),
    spec.protocol === 'ICMP' ? 'ICMP' : `${spec.port ?? '*'}/${spec.protocol ?? 'TCP'}`,
    spec.outcome ?? 'Open',
    context.age(metadata.creationTimestamp),
  ],
  describe: ({ metadata, spec }) => ({ title: metadata.name, subtitle: `${peerText(spec.from)} → ${peerText(spec.to)}` }),
});
