/** The kind Event. Kubernetes: printers.go, printEvent. */
import { defineKind } from '../../objects/define.ts';
import { type EventObject, lastSeen } from '../../objects/events.ts';
import { anything, integer, kindSchema, struct, text } from '../schema.ts';

const reference = struct('An object.', {
  apiVersion: text('API version.'),
  kind: text('Kind.'),
  namespace: text('Namespace.'),
  name: text('Name.'),
  uid: text('UID.'),
  resourceVersion: text('Version.'),
  fieldPath: text('Part of the object.'),
});

/** How kubectl writes an object in the OBJECT column: `pod/web-1`. */
const objectText = (event: EventObject): string => `${(event.involvedObject?.kind ?? '').toLowerCase()}/${event.involvedObject?.name ?? ''}`;

export const event = defineKind<EventObject>({
  apiVersion: 'v1',
  kind: 'Event',
  plural: 'events',
  singular: 'event',
  shortNames: ['ev'],
  namespaced: true,
  nameFormat: 'pathSegment',
  schema: kindSchema('Something that happened to an object.', {
    involvedObject: reference,
    reason: text('One word for it.'),
    message: text('The sentence.'),
    type: text('Normal or Warning.'),
    count: integer('How often.'),
    firstTimestamp: text('When first.'),
    lastTimestamp: text('When last.'),
    source: struct('Who says so.', { component: text('Program.'), host: text('Node.') }),
    eventTime: text('When, in the newer form.'),
    action: text('What was done.'),
    related: reference,
    series: anything('Repetitions, in the newer form.'),
    reportingComponent: text('Program, in the newer form.'),
    reportingInstance: text('Instance of the program.'),
  }),
  columns: [
    { name: 'LAST SEEN', priority: 0 },
    { name: 'TYPE', priority: 0 },
    { name: 'REASON', priority: 0 },
    { name: 'OBJECT', priority: 0 },
    { name: 'SUBOBJECT', priority: 1 },
    { name: 'SOURCE', priority: 1 },
    { name: 'MESSAGE', priority: 0 },
    { name: 'FIRST SEEN', priority: 1 },
    { name: 'COUNT', priority: 1 },
    { name: 'NAME', priority: 1 },
  ],
  row: (object, context) => [
    context.age(lastSeen(object) || object.metadata.creationTimestamp),
    object.type ?? '',
    object.reason ?? '',
    objectText(object),
    object.involvedObject?.fieldPath ?? '',
    [object.source?.component || object.reportingComponent, object.source?.host || object.reportingInstance]
      .filter((one) => one !== undefined && one !== '')
      .join(', '),
    (object.message ?? '').trim(),
    context.age(object.firstTimestamp ?? object.eventTime ?? undefined),
    `${object.series?.count ?? (object.count || 1)}`,
    object.metadata.name,
  ],
  describe: (object) => ({ title: object.reason ?? '', subtitle: object.message ?? '' }),
});
