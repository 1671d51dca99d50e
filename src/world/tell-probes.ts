/** Which packets are a kubelet's probes and the answers to them: they are in the log for whoever wants to see them, and beside the story of what people do. */
import type { TraceEvent } from '../net/trace-event.ts';

/** The process' name in a node's netns. */
const PROBER = 'kubelet';

/** The connection of a TCP packet from its sender's side; undefined for others. */
function connectionOf({ layers }: TraceEvent): { readonly there: string; readonly back: string } | undefined {
  const tcp = layers.find((layer) => layer.protocol === 'tcp');
  const ip = layers.find((layer) => layer.protocol === 'ipv4' || layer.protocol === 'ipv6');
  if (tcp?.protocol !== 'tcp' || (ip?.protocol !== 'ipv4' && ip?.protocol !== 'ipv6')) return undefined;
  const from = `${ip.src} ${tcp.sport}`;
  const to = `${ip.dst} ${tcp.dport}`;
  return { there: `${from} ${to}`, back: `${to} ${from}` };
}

/** Tells probes among these events; connections whose beginning is not among them are not recognized. */
export function probesAmong(events: readonly TraceEvent[]): (event: TraceEvent) => boolean {
  const connections = new Set<string>();
  for (const event of events) {
    const { step } = event;
    const isProbers = (step.kind === 'created' && step.by.startsWith(`${PROBER},`)) || (step.kind === 'delivered' && step.process === PROBER);
    const connection = isProbers ? connectionOf(event) : undefined;
    if (connection !== undefined) connections.add(connection.there).add(connection.back);
  }
  return (event) => {
    if (event.step.kind === 'printed') return event.step.process === PROBER;
    const connection = connections.size === 0 ? undefined : connectionOf(event);
    return connection !== undefined && connections.has(connection.there);
  };
}
