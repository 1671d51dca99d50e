/** Who may talk to whom where nothing enforces policies, as far as the boxes tell: which pods have an address at all. */
import type { NetnsView, Topology } from '../../world/views.ts';

export interface PolicyPicture {
  readonly sentence: string;
  readonly pods: readonly NetnsView[];
  /** Ordered pairs of different pods that may open a connection, and all such pairs. */
  readonly open: number;
  readonly pairs: number;
  /** May the pod at row index open a connection to the one at column index? Undefined where that cannot be told. */
  readonly may: (from: number, to: number) => boolean | undefined;
}

export function policyPicture(topology: Topology): PolicyPicture {
  const { enforcement } = topology;
  // What policies say cannot be told from boxes: the matrix of Why? asks the policies themselves.
  if (enforcement?.enforces === true)
    return { sentence: `${enforcement.sentence} The matrix under Why? says who may talk to whom.`, pods: [], open: 0, pairs: 0, may: () => undefined };
  const pods = topology.netnses.filter((netns) => netns.type === 'pod');
  const overlays = new Set(topology.devices.filter((device) => device.type === 'vxlan').map((device) => device.netns));
  const flannel = topology.devices.some((device) => device.type === 'vxlan' && device.name.startsWith('flannel.'));
  const may = (from: number, to: number): boolean | undefined => {
    const a = pods[from];
    const b = pods[to];
    if (a === undefined || b === undefined || a.ip === '' || b.ip === '') return false;
    if (a.hostId === b.hostId) return true;
    return overlays.has(`${a.hostId}/netns/root`) && overlays.has(`${b.hostId}/netns/root`) ? true : undefined;
  };
  const pairs = pods.length * Math.max(0, pods.length - 1);
  const addressed = pods.filter((pod) => pod.ip !== '').length;
  const without = pods.length - addressed;
  const sentence = !flannel
    ? (enforcement?.sentence ?? 'No flannel device is there: whether this network enforces NetworkPolicy cannot be told from its boxes.')
    : `flannel does not enforce NetworkPolicy: ${pods.length < 2 ? 'any pod may' : 'each of these pods may'} open a connection to every other one, on any port.${without === 0 ? '' : ` ${without} ${without === 1 ? 'pod has' : 'pods have'} no address yet.`}`;
  return { sentence, pods, open: addressed * Math.max(0, addressed - 1), pairs, may };
}

/** Ids of the pods that this pod may open a connection to; none for what is no pod. */
export function reachOf(picture: PolicyPicture, id: string): readonly string[] {
  const from = picture.pods.findIndex((pod) => pod.id === id);
  return from < 0 ? [] : picture.pods.flatMap((pod, to) => (to !== from && picture.may(from, to) === true ? [pod.id] : []));
}
