/** conntrack: the connection table of this netns, as conntrack-tools 1.4.7 shows and changes it. */
import { formatFlow, XML_HEAD, XML_TAIL } from '../../net/conntrack/format.ts';
import { CONNTRACK_VERSION, type ConntrackRequest, flowMatches, parseConntrack } from '../../net/conntrack/request.ts';
import type { ConnectionView } from '../../net/engine.ts';
import { defineCommand, type Invocation, type Outcome } from '../command.ts';

const HELP = `Command line interface for the connection tracking system. Version 1.4.7
Usage: conntrack [commands] [options]

Commands:
  -L [table] [options]		List conntrack or expectation table
  -G [table] parameters		Get conntrack or expectation
  -D [table] parameters		Delete conntrack or expectation
  -U [table] parameters		Update a conntrack
  -E [table] [options]		Show events
  -F [table]			Flush table
  -C [table]			Show counter
  -S				Show statistics

Tables: conntrack, expect, dying, unconfirmed

Parameters and options:
  -n, --src-nat ip			source NAT ip
  -g, --dst-nat ip			destination NAT ip
  -j, --any-nat ip			source or destination NAT ip
  -m, --mark mark			Set mark
  -e, --event-mask eventmask		Event mask, eg. NEW,DESTROY
  -z, --zero 				Zero counters while listing
  -o, --output type[,...]		Output format, eg. xml
  -s, --src, --orig-src ip		Source address from original direction
  -d, --dst, --orig-dst ip		Destination address from original direction
  -r, --reply-src ip		Source addres from reply direction
  -q, --reply-dst ip		Destination address from reply direction
  -p, --protonum proto		Layer 4 Protocol, eg. 'tcp'
  -f, --family proto		Layer 3 Protocol, eg. 'ipv6'
  -t, --timeout timeout		Set timeout
  -u, --status status		Set status, eg. ASSURED
  -w, --zone value		Set conntrack zone
  --orig-zone value		Set zone for original direction
  --reply-zone value		Set zone for reply direction
`;

function print({ out, err }: Invocation, request: ConntrackRequest, flows: readonly ConnectionView[], deed: string): void {
  err(`${CONNTRACK_VERSION}: ${flows.length} flow entries have been ${deed}.\n`);
  const xml = request.format.as === 'xml';
  if (xml) out(XML_HEAD);
  for (const flow of flows) out(formatFlow(flow, request.format));
  if (xml) out(XML_TAIL);
}

/** No helper makes expectations here, and between two events nothing is on its way into or out of the table. */
const isEmptyTable = (request: ConntrackRequest): boolean => request.table !== 'conntrack';

function perform(invocation: Invocation, request: ConntrackRequest): Outcome {
  const { host, place, out, err } = invocation;
  const { engine } = host;
  const { netns } = place;
  const matches = (flow: ConnectionView): boolean => flowMatches(flow, request.filter);
  switch (request.command) {
    case 'h':
      out(HELP);
      return 0;
    case 'V':
      out(`${CONNTRACK_VERSION}\n`);
      return 0;
    case 'E':
      return {
        kind: 'program',
        app: 'conntrack-events',
        name: 'conntrack',
        config: { request, epochMs: host.epochMs },
        endless: true,
      };
    case 'L': {
      if (request.table === 'expect') {
        err(`${CONNTRACK_VERSION}: 0 expectations have been shown.\n`);
        return 0;
      }
      const flows = isEmptyTable(request) ? [] : engine.connections(netns).filter(matches);
      print(invocation, request, flows, 'shown');
      if (request.zero) engine.updateConnections(netns, () => true, { zeroCounters: true });
      return 0;
    }
    case 'G': {
      const flow = engine.connections(netns).find(matches);
      if (flow === undefined) {
        err(`${CONNTRACK_VERSION}: Operation failed: such conntrack doesn't exist\n`);
        return 1;
      }
      print(invocation, request, [flow], 'shown');
      return 0;
    }
    case 'C':
      out(`${isEmptyTable(request) ? 0 : engine.connections(netns).length}\n`);
      return 0;
    case 'F':
      engine.deleteConnections(netns, () => request.table === 'conntrack');
      err(`${CONNTRACK_VERSION}: ${request.table === 'expect' ? 'expectation' : 'connection tracking'} table has been emptied.\n`);
      return 0;
    case 'D': {
      const flows = engine.connections(netns).filter(matches);
      print(invocation, request, flows, 'deleted');
      engine.deleteConnections(netns, matches);
      return flows.length === 0 ? 1 : 0;
    }
    case 'U': {
      // What is to be set is no filter here.
      const { mark, ...others } = request.filter;
      const change = {
        ...(mark === undefined ? {} : { mark: mark[0] }),
        ...(request.timeoutSeconds === undefined ? {} : { timeoutSeconds: request.timeoutSeconds }),
      };
      const flows = engine.updateConnections(netns, (flow) => flowMatches(flow, others), change);
      print(invocation, request, flows, 'updated');
      return flows.length === 0 ? 1 : 0;
    }
    case 'S': {
      const s = engine.connectionStatistics(netns);
      out(
        `cpu=0   \tfound=${s.found} invalid=${s.invalid} insert=0 insert_failed=${s.insertFailed} drop=${s.drop} early_drop=${s.earlyDrop} error=${s.error} search_restart=0 clash_resolve=${s.clashResolve} chaintoolong=0 \n`,
      );
      return 0;
    }
  }
}

export const conntrack = defineCommand({
  name: 'conntrack',
  summary: 'connections that netfilter knows: conntrack -L [-p tcp] [-d IP], -E, -D, -F, -S, -C',
  group: 'network',
  run: (invocation) => {
    const request = parseConntrack(invocation.argv);
    if ('problem' in request) {
      invocation.err(request.problem);
      return 2;
    }
    return perform(invocation, request);
  },
});
