/** What is on its way to late components, for the canvas: from the API server to whom, about which object, from when to when. */
import { nodeOf } from '../kube/index.ts';
import type { Delivery } from '../objects/api.ts';
import type { DeliveryView } from './views.ts';

/** One change goes to a component of a node once, however many of its keys it concerns. */
export function deliveryViews(deliveries: readonly Delivery[]): readonly DeliveryView[] {
  const views = new Map<string, DeliveryView>();
  for (const { component, key, object, sentNs, arrivesNs } of deliveries) {
    const host = nodeOf(component, key);
    const id = `${component} ${host ?? ''} ${object} ${sentNs}`;
    if (views.has(id)) continue;
    const [kind = '', ...path] = object.split('/');
    const place = host === undefined ? component : `${component} on ${host}`;
    const isHeard = arrivesNs !== Number.POSITIVE_INFINITY;
    views.set(id, {
      component,
      ...(host === undefined ? {} : { host }),
      objectKey: object,
      sentNs,
      ...(isHeard ? { arrivesNs } : {}),
      sentence: `${kind} ${path.join('/')}${isHeard ? ', on its way to ' : ', not heard by '}${place}${isHeard ? '' : ', which is stopped'}`,
    });
  }
  return [...views.values()];
}
