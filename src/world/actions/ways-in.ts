/** The Gateway API by roles, and Ingresses said again in its words, each as a file beside what there is, so that both roads can be tried. */
import { formatYaml } from '../../base/yaml/index.ts';
import type { Ingress } from '../../kube/ingress/ingress.ts';
import type { KubeObject } from '../../objects/types.ts';
import { appendDocument } from '../reach/text-edit.ts';
import type { World } from '../world.ts';
import type { Action, Role } from './action-views.ts';
import { type Converted, convertIngresses } from './ingress-to-gateway.ts';

const FILE = 'gateway-api.yaml';
const MAX_LISTED = 60;

interface Said {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
}
interface WithStatus extends KubeObject {
  readonly spec?: { readonly controllerName?: string };
  readonly status?: {
    readonly conditions?: readonly Said[];
    readonly parents?: readonly { readonly parentRef: { readonly name: string }; readonly conditions: readonly Said[] }[];
  };
}

const ROLES: readonly (readonly [Role, readonly string[]])[] = [
  ['provider', ['GatewayClass']],
  ['operator', ['Gateway', 'ListenerSet', 'ReferenceGrant']],
  ['developer', ['HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute', 'UDPRoute']],
];

const said = (conditions: readonly Said[]): string =>
  conditions.map(({ type, status, reason }) => (status === 'True' || reason === undefined ? `${type}=${status}` : `${type}=${status} (${reason})`)).join(', ');

function wordsOf({ kind, spec, status }: WithStatus): string {
  if (kind === 'ReferenceGrant') return 'Lets others point into its namespace.';
  const parents = (status?.parents ?? []).map(({ parentRef, conditions }) => `${parentRef.name}: ${said(conditions)}`);
  const own = said(status?.conditions ?? []);
  const words = parents.length > 0 ? parents.join('; ') : own === '' ? 'Nobody has looked at it.' : own;
  return kind === 'GatewayClass' ? `${spec?.controllerName ?? ''}. ${words}` : words;
}

export function waysIn(world: World): readonly Action[] {
  const { view } = world.api;
  const listed = ROLES.flatMap(([role, kinds]) =>
    kinds.flatMap((kind) =>
      view.list<WithStatus>(kind).map((object): Action => {
        const { namespace, name } = object.metadata;
        return { title: `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`, because: wordsOf(object), role };
      }),
    ),
  );
  return [...listed.slice(0, MAX_LISTED), ...conversions(world)];
}

function conversions(world: World): readonly Action[] {
  const { view } = world.api;
  const ingresses = view.list<Ingress>('Ingress');
  if (ingresses.length === 0) return [];
  const className = view.list<KubeObject>('GatewayClass')[0]?.metadata.name;
  const portOf = (namespace: string, service: string, name: string): number | undefined =>
    view
      .find<KubeObject & { readonly spec?: { readonly ports?: readonly { readonly name?: string; readonly port: number }[] } }>(
        `Service/${namespace}/${service}`,
      )
      ?.spec?.ports?.find((port) => port.name === name)?.port;
  const converted = convertIngresses(ingresses, className, portOf);
  if (converted.objects.length === 0) return [];
  const count = ingresses.length === 1 ? 'The Ingress' : `${ingresses.length} Ingresses`;
  return [
    {
      title: `${count} as Gateway and HTTPRoutes`,
      because: `The Ingress stays; both ways in can be tried. ${converted.notes.length === 0 ? 'Everything it says has a word in the Gateway API.' : `Not taken along: ${converted.notes.join('; ')}.`}`,
      edit: appendDocument(world.files, FILE, textOf(converted)),
    },
  ];
}

const textOf = ({ objects, notes }: Converted): string =>
  notes.map((note) => `# Not taken along: ${note}\n`).join('') +
  objects.map((object) => formatYaml(object as unknown as Parameters<typeof formatYaml>[0])).join('---\n');
