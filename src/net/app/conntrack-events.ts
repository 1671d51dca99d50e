/** `conntrack -E`: prints connections as they come, change and go, until it is interrupted. */
import { formatFlowEvent, XML_HEAD, XML_TAIL } from '../conntrack/format.ts';
import { CONNTRACK_VERSION, type ConntrackRequest, flowMatches } from '../conntrack/request.ts';
import { defineApp } from './definition.ts';

export interface ConntrackEventsConfig {
  readonly request: ConntrackRequest;
  /** Virtual time 0 as Unix milliseconds. */
  readonly epochMs: number;
}

interface State {
  readonly shown: number;
}

/** How often the kernel's collector looks for entries whose time is over, at most (GC_SCAN_INTERVAL_MIN). */
const COLLECT_NS = 1_000_000_000;

export const conntrackEvents = defineApp<State, ConntrackEventsConfig>({
  name: 'conntrack-events',
  start: (context, { request }) => {
    if (request.format.as === 'xml') context.out(XML_HEAD);
    context.listenConnections(true);
    context.setTimer(COLLECT_NS, 'collect', undefined, true);
    return { shown: 0 };
  },
  handle: (context, state, event, { request, epochMs }) => {
    switch (event.kind) {
      case 'timer':
        context.collectConnections();
        context.setTimer(COLLECT_NS, 'collect', undefined, true);
        return state;
      case 'signal':
        context.listenConnections(false);
        if (request.format.as === 'xml') context.out(XML_TAIL);
        context.err(`${CONNTRACK_VERSION}: ${state.shown} flow events have been shown.\n`);
        context.exit(0);
        return state;
      case 'connection':
        if (!request.events.includes(event.event.kind) || !flowMatches(event.event.connection, request.filter)) return state;
        context.out(formatFlowEvent(event.event, request.format, epochMs));
        return { shown: state.shown + 1 };
      default:
        return state;
    }
  },
});
