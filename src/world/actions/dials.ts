/** Numbers of the texts that decide how much goes where: replicas, weights of canaries and of routes' backends, rates of requests. Turning one is a change of its text. */
import { RATE_ANNOTATION } from '../../kube/pod/load.ts';
import { keyIn } from '../../objects/cluster-key.ts';
import type { KubeObject } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import type { AdmittedObject } from '../admit.ts';
import { ownText } from '../reach/fixed-world.ts';
import { insertBeside, replaceValue, setScalar, type TextEdit } from '../reach/text-edit.ts';
import type { World } from '../world.ts';
import type { Action } from './action-views.ts';

const MAX_DIALS = 16;
const CANARY_WEIGHT = 'nginx.ingress.kubernetes.io/canary-weight';
const RATE = /(\d+(?:\.\d+)?)\/s\b/;

interface Weighted extends KubeObject {
  readonly spec?: {
    readonly replicas?: number;
    readonly rules?: readonly { readonly backendRefs?: readonly { readonly name?: string; readonly weight?: number }[] }[];
    readonly template?: { readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> } };
  };
}

interface Found {
  readonly action: Action;
  readonly turn: (value: number) => TextEdit | undefined;
}

function dial(id: string, title: string, because: string, [min, max, value]: readonly [number, number, number], unit: string): Action {
  return { title, because, dial: { id, min, max: Math.max(max, value), value, unit } };
}

function routeDials(world: World, own: AdmittedObject, { kind, metadata, spec }: Weighted): Found[] {
  return (spec?.rules ?? []).flatMap(({ backendRefs = [] }, rule) => {
    // One backend alone gets everything, whatever its weight.
    if (backendRefs.length < 2) return [];
    const sum = backendRefs.reduce((total, { weight = 1 }) => total + weight, 0);
    const top = Math.max(10, ...backendRefs.map(({ weight = 1 }) => weight));
    return backendRefs.map(({ name = '', weight = 1 }, at): Found => {
      const path = `spec.rules[${rule}].backendRefs[${at}]`;
      const share = sum === 0 ? 0 : Math.round((100 * weight) / sum);
      return {
        action: dial(
          `${own.key} ${path}`,
          `${name} in ${kind} ${metadata.name}`,
          `Weight ${weight} of ${sum}: ${share} % of its requests.`,
          [0, top, weight],
          '',
        ),
        turn: (value) =>
          backendRefs[at]?.weight === undefined
            ? insertBeside(world.files, own, `${path}.name`, 'name', `weight: ${value}`)
            : replaceValue(world.files, own, `${path}.weight`, String(value)),
      };
    });
  });
}

function rateDial(world: World, own: AdmittedObject, path: string, text: string | undefined): Found[] {
  const rate = Number(RATE.exec(text ?? '')?.[1]);
  if (text === undefined || Number.isNaN(rate)) return [];
  const whole = `${path}[${RATE_ANNOTATION}]`;
  return [
    {
      action: dial(`${own.key} ${whole}`, `Requests of ${own.object.metadata.name}`, text.split('\n')[0] ?? '', [0, 100, rate], '/s'),
      turn: (value) => replaceValue(world.files, own, whole, JSON.stringify(text.replace(RATE, `${Math.max(value, 0.1)}/s`))),
    },
  ];
}

function dialsOfObject(world: World, cluster: string, object: Weighted): Found[] {
  const key = keyIn(cluster, objectKey(object));
  const own = ownText(world, key);
  if (own === undefined) return [];
  const written = own.object as Weighted;
  const { kind, metadata } = object;
  const found: Found[] = [];
  if (kind === 'Deployment') {
    const replicas = object.spec?.replicas ?? 1;
    found.push({
      action: dial(`${key} spec.replicas`, `Replicas of ${metadata.name}`, 'How many pods there are to share what its Service gets.', [0, 10, replicas], ''),
      turn: (value) => setScalar(world.files, own, 'spec', 'replicas', String(value)),
    });
    found.push(...rateDial(world, own, 'spec.template.metadata.annotations', written.spec?.template?.metadata?.annotations?.[RATE_ANNOTATION]));
  }
  const weight = metadata.annotations?.[CANARY_WEIGHT];
  if (kind === 'Ingress' && weight !== undefined && /^\d{1,6}$/.test(weight)) {
    const path = `metadata.annotations[${CANARY_WEIGHT}]`;
    found.push({
      action: dial(
        `${key} ${path}`,
        `Canary of ${metadata.name}`,
        'So many of a hundred requests go to the canary, as ingress-nginx rolls dice.',
        [0, 100, Number(weight)],
        '%',
      ),
      turn: (value) => replaceValue(world.files, own, path, JSON.stringify(String(value))),
    });
  }
  if (/Route$/.test(kind)) found.push(...routeDials(world, own, written));
  if (kind === 'Pod' || kind === 'Host') found.push(...rateDial(world, own, 'metadata.annotations', written.metadata.annotations?.[RATE_ANNOTATION]));
  return found;
}

const inCluster = (cluster: string, { action, turn }: Found): Found => ({ action: { ...action, title: `${action.title} in ${cluster}` }, turn });

/** Of objects whose text the reader has; rates and weights before replicas. */
function allDials(world: World): readonly Found[] {
  const kinds = ['Host', 'Pod', 'Ingress', 'HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute', 'UDPRoute', 'Deployment'];
  const found = kinds.flatMap((kind) =>
    world.planes.all.flatMap(({ name, api }) =>
      api.view.list<Weighted>(kind).flatMap((object) => dialsOfObject(world, name, object).map((one) => (name === '' ? one : inCluster(name, one)))),
    ),
  );
  return found.slice(0, MAX_DIALS);
}

export const dialsOf = (world: World): readonly Action[] => allDials(world).map(({ action }) => action);

/** The change of the text; none where the dial is gone or stands there already. */
export function turnDial(world: World, id: string, value: number): readonly Action[] {
  const found = allDials(world).find(({ action }) => action.dial?.id === id);
  if (found?.action.dial === undefined || !Number.isFinite(value)) return [];
  const { min, max, unit } = found.action.dial;
  const wanted = Math.round(Math.min(Math.max(value, min), max));
  const edit = found.turn(wanted);
  return edit === undefined || edit.before === edit.after
    ? []
    : [{ title: `${found.action.title}: ${wanted}${unit === '' ? '' : ` ${unit}`}`, because: found.action.because, edit }];
}
