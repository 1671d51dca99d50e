/** trace COMMAND: runs a command and tells every hop of every packet it caused. */

import type { HopView, Phrase } from '../../world/views.ts';
import { defineCommand, type Hook } from '../command.ts';
import { formatTable } from '../table.ts';
import { hopJson } from './hop-json.ts';

interface TraceData {
  readonly from: number;
  readonly json: boolean;
}

/** Events a table shows at most; the rest is counted. */
const MAX_ROWS = 5000;

export const trace = defineCommand({
  name: 'trace',
  summary: 'runs a command and lists the hops of its packets (-o json)',
  group: 'network',
  run: ({ argv, host, err }) => {
    const words = [...argv];
    let json = false;
    while (words[0]?.startsWith('-') === true) {
      const option = words.shift() ?? '';
      const value = option === '-o' ? words.shift() : option.startsWith('-o') ? option.slice(2).replace(/^=/, '') : undefined;
      if (value === 'json') json = true;
      else if (value !== 'table') {
        err(
          value === undefined
            ? `trace: unknown option ${option}\nUsage: trace [-o json] COMMAND [ARGUMENT]...\n`
            : `trace: unknown output format "${value}" (table or json)\n`,
        );
        return 2;
      }
    }
    if (words.length === 0) {
      err('Usage: trace [-o json] COMMAND [ARGUMENT]...\n');
      return 2;
    }
    const data: TraceData = { from: host.engine.traceLength, json };
    return { kind: 'call', argv: words, stdoutToStderr: json, after: { hook: 'trace', data } };
  },
});

export const traceHook: Hook = (data: TraceData, status, io) => {
  const { host } = io.invocation();
  const to = host.engine.traceLength;
  const hops = host.hops(data.from, Math.min(to, data.from + MAX_ROWS));
  if (data.json) {
    for (const hop of hops) io.out(`${hopJson(hop)}\n`);
    return status;
  }
  const shown = hops.filter((hop) => hop.event.packetId >= 0);
  if (shown.length === 0) {
    io.out('no packets\n');
    return status;
  }
  const startNs = shown[0]?.event.timeNs ?? 0;
  const rows = shown.map((hop, index) => [
    String(index + 1),
    formatTime(hop.event.timeNs - startNs),
    hop.where,
    hop.summary,
    hop.source === '' && hop.destination === '' ? '' : `${hop.source} → ${hop.destination}`,
    plainText(hop.why),
  ]);
  io.out(formatTable([['#', 'TIME', 'WHERE', 'WHAT', 'SOURCE → DESTINATION', 'WHY'], ...rows]));
  if (to - data.from > MAX_ROWS) io.out(`… and ${to - data.from - MAX_ROWS} more events\n`);
  io.out(`\n${verdict(shown, status)}\n`);
  return status;
};

function plainText(phrases: readonly Phrase[]): string {
  return phrases
    .map((phrase) => phrase.text)
    .join('')
    .replace(/\s+/g, ' ')
    .trim();
}

function formatTime(ns: number): string {
  return ns < 1e6 ? `${(ns / 1e3).toFixed(1)}µs` : ns < 1e9 ? `${(ns / 1e6).toFixed(3)}ms` : `${(ns / 1e9).toFixed(3)}s`;
}

/** The last word on what was traced: the first drop that mattered, or that all arrived. */
function verdict(hops: readonly HopView[], status: number): string {
  const packets = new Set(hops.map((hop) => hop.event.packetId)).size;
  const drops = hops.filter((hop) => hop.event.step.kind === 'dropped' && hop.event.step.reason !== 'OTHERHOST');
  const first = drops[0];
  const count = `${packets} packet${packets === 1 ? '' : 's'}, ${hops.length} events`;
  if (first?.event.step.kind === 'dropped') {
    const fix = first.fix === undefined ? '' : `\nfix: ${plainText(first.fix)}`;
    return `verdict: dropped at ${first.where}: ${first.event.step.reason}${first.event.step.detail === '' ? '' : ` (${first.event.step.detail})`}; ${count}, exit code ${status}${fix}`;
  }
  return `verdict: delivered; ${count}, exit code ${status}`;
}
