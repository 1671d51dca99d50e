/** Steps of TLS handshakes in words: which certificate was shown and why, what both ends agreed on, why one of them gave up; and what proxies decide on requests. */
import type { Origin } from '../base/origin.ts';
import type { TraceEvent } from '../net/trace-event.ts';
import { say, strong, type TellContext } from './tell-phrases.ts';
import type { HopView } from './views.ts';

type Tls = Extract<TraceEvent['step'], { kind: 'tls' }>;

/** A row of the timeline without a packet. */
export function tellTls(event: TraceEvent, step: Tls, context: TellContext): HopView {
  const where = context.netns(event.netns);
  const yaml = step.objects === undefined ? undefined : context.sourceOf({ component: step.process, objects: step.objects as Origin['objects'] });
  return {
    event,
    place: event.netns,
    protocol: step.about ?? 'TLS',
    family: step.what.startsWith('TLS ends') || step.what.startsWith('no certificate') || step.what.startsWith('refuses ') ? 'drop' : 'l7',
    source: step.process,
    destination: '',
    lengthBytes: 0,
    label: step.about ?? 'TLS',
    where: where.title,
    title: `${step.process}: ${step.what}`,
    summary: step.what,
    why: [strong(step.process), say(' on '), strong(where.title), say(`: ${step.why}.`)],
    rules: [],
    background: false,
    hop: 1,
    hops: 1,
    ...(yaml === undefined ? {} : { yaml }),
  };
}
