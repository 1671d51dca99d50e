/** The secrets of the TLS connections of a stretch of the log, for those who decrypt captures. */
import { COLUMN_A, COLUMN_KIND, kindOf, ROW_TLS, type TraceLog } from './trace-log.ts';

/** Lines of an SSLKEYLOGFILE (draft-ietf-tls-keylogfile) from rows [from, to), each once: both ends of a connection have the same. */
export function keyLogOf(log: TraceLog, from: number, to: number): string {
  const lines = new Set<string>();
  for (let seq = from; seq < to; seq += 1) {
    const chunk = log.rows.chunkOf(seq);
    const at = log.rows.offsetOf(seq);
    if (kindOf(chunk[at + COLUMN_KIND] as number) !== ROW_TLS) continue;
    const note = log.resolve(chunk[at + COLUMN_A] as number);
    if (note?.kind !== 'tls') continue;
    for (const line of (note.keys ?? '').split('\n')) if (line !== '') lines.add(line);
  }
  return [...lines].map((line) => `${line}\n`).join('');
}
