/** The messages of a late control plane as a layer of the canvas. */
import type { DeliveryView } from '../../world/views.ts';
import { drawMessages, type Message, messagesOf } from './deliveries.ts';
import type { OverlayLayer } from './overlay.ts';
import type { Scene } from './scene.ts';

/** `nowNs`: virtual time when the worker spoke last, `receivedMs` the page's clock then; in between virtual time runs with the wall clock. */
export function deliveryLayer(list: readonly DeliveryView[], apiServer: string, nowNs: number, receivedMs: number): OverlayLayer {
  let messages: readonly Message[] = [];
  let of: Scene | undefined;
  return {
    at: 'over',
    draw({ context, scene, view, palette, fonts }) {
      if (of !== scene) {
        messages = messagesOf(scene, list, apiServer);
        of = scene;
      }
      drawMessages(context, messages, nowNs + (performance.now() - receivedMs) * 1e6, view.zoom, palette, fonts.sans);
    },
  };
}
