/** Changes of records in words: who changed what, and what stood there before. */
import type { TraceEvent } from '../net/trace-event.ts';
import { mono, say, strong, type TellContext } from './tell-phrases.ts';
import type { HopView, Phrase } from './views.ts';

type Changed = Extract<TraceEvent['step'], { kind: 'changed' }>;

const nouns: Readonly<Partial<Record<Changed['record'], string>>> = {
  netns: 'settings',
  neighbor: 'neighbour',
  'proxy-neighbor': 'proxy neighbour',
  rule: 'routing rule',
  fdb: 'FDB entry',
  ipset: 'ipset',
  'nft-table': 'nftables table',
  'nft-chain': 'nftables chain',
  'nft-set': 'nftables set',
  'nft-object': 'nftables object',
  nfqueue: 'reader of a packet queue',
  'ipvs-service': 'virtual service',
  'bpf-program': 'BPF program',
  'bpf-config': 'BPF configuration',
  'bpf-service': 'entry of cilium_lb4_services_v2',
  'bpf-endpoint': 'entry of cilium_lxc',
  'bpf-ipcache': 'entry of cilium_ipcache_v2',
  'bpf-policy': 'policy map of an endpoint',
};
const nounOf = (step: Changed): string => nouns[step.record] ?? step.record;
const nameOf = (step: Changed): string => step.recordId.slice(step.recordId.lastIndexOf('/') + 1);
const firstLine = (text: string): string => text.split('\n', 1)[0] ?? text;

/** The stop on the canvas: a device, the routing pill, a hook of a built-in chain, else the whole netns. */
export function placeOfChange(event: TraceEvent, step: Changed): string {
  if (step.record === 'device') return step.recordId;
  if (step.record === 'route' || step.record === 'rule') return `${event.netns}#route`;
  if (step.record === 'chain' && /^(?:PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING)$/.test(nameOf(step))) return `${event.netns}#${nameOf(step)}`;
  return event.netns;
}

function titleOf(step: Changed): string {
  const verb = step.before === undefined ? 'adds' : step.after === undefined ? 'removes' : 'changes';
  return `${step.by} ${verb} ${nounOf(step)}`;
}

function summaryOf(step: Changed): string {
  if (step.before === undefined) return `+ ${firstLine(step.after ?? nameOf(step))}`;
  if (step.after === undefined) return `− ${firstLine(step.before)}`;
  return `${firstLine(step.before)} → ${firstLine(step.after)}`;
}

function whyChanged(event: TraceEvent, step: Changed, context: TellContext): Phrase[] {
  const here = context.netns(event.netns);
  if (step.record === 'connection') {
    return [
      strong(step.by),
      say(' took a UDP connection out of the connection table of '),
      strong(here.title),
      say(
        ': it still led to an address that is no serving endpoint of the Service any more, and datagrams would have gone there for as long as they kept coming. ',
      ),
      mono(step.before ?? ''),
    ];
  }
  const phrases: Phrase[] = step.command === undefined ? [strong(step.by)] : [say('The command '), mono(step.command)];
  phrases.push(say(` changed the ${nounOf(step)} of `), strong(here.title), say('. '));
  if (step.before !== undefined) phrases.push(say('Before: '), mono(step.before), say('. '));
  phrases.push(...(step.after === undefined ? [say('It is gone now.')] : [say('Now: '), mono(step.after), say('.')]));
  if (step.replaced !== undefined && step.replaced !== step.by) {
    phrases.push(say(step.command === undefined ? ` ${step.replaced} had written it otherwise.` : ` ${step.replaced} had written it.`));
  }
  return phrases;
}

/** A row of the timeline without a packet. What an agent does on its own account is beside the story, unless it undoes what a person did. */
export function tellChange(event: TraceEvent, step: Changed, context: TellContext): HopView {
  const where = context.netns(event.netns);
  return {
    event,
    place: placeOfChange(event, step),
    protocol: 'CHANGE',
    family: 'l3',
    source: step.by,
    destination: '',
    lengthBytes: 0,
    label: `${step.before === undefined ? '+' : step.after === undefined ? '−' : '±'} ${nounOf(step)}`,
    where: where.title,
    title: titleOf(step),
    summary: summaryOf(step),
    why: whyChanged(event, step, context),
    rules: [],
    background: step.command === undefined && step.replaced !== 'user' && step.record !== 'connection',
    hop: 1,
    hops: 1,
  };
}
