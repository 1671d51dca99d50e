/** One hop as a line of JSON Lines, for other programs: `trace -o json` and `kubehop trace --json` print the same. */
import type { HopView } from '../../world/views.ts';

/** Without a newline. Keys are a contract: seq, timeNs, packet, host, netns, device, step, layers, rule, origin, text. */
export function hopJson(hop: HopView): string {
  const { event } = hop;
  const rule = hop.rules[hop.rules.length - 1];
  return JSON.stringify({
    seq: event.seq,
    timeNs: event.timeNs,
    packet: event.packetId,
    host: event.hostId,
    netns: event.netns,
    device: event.device,
    step: event.step.kind,
    layers: event.layers,
    ...(rule === undefined ? {} : { rule: { table: rule.table, chain: rule.chain, text: rule.text } }),
    ...(hop.yaml === undefined ? {} : { origin: { object: hop.yaml.key, file: hop.yaml.file, line: hop.yaml.span.startLine } }),
    text: `${hop.title}: ${hop.why.map((phrase) => phrase.text).join('')}`,
  });
}
