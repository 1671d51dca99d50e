/** SCTP's header and chunks, field by field. RFC 9260 section 3 */
import type { FieldReader } from './field.ts';
import { SCTP } from './forms.ts';

const NAMES: Readonly<Record<number, string>> = {
  0: 'DATA',
  1: 'INIT',
  2: 'INIT ACK',
  3: 'SACK',
  4: 'HEARTBEAT',
  5: 'HEARTBEAT ACK',
  6: 'ABORT',
  7: 'SHUTDOWN',
  8: 'SHUTDOWN ACK',
  9: 'ERROR',
  10: 'COOKIE ECHO',
  11: 'COOKIE ACK',
  14: 'SHUTDOWN COMPLETE',
};
/** Name, label and bytes of what stands behind a chunk's length; the rest of it are parameters, gap reports or data. */
type Body = readonly (readonly [name: string, label: string, bytes: number])[];
const INIT = (word: string): Body => [
  [`sctp.${word}_initiate_tag`, 'tag for packets to the sender', 4],
  [`sctp.${word}_credit`, 'window', 4],
  [`sctp.${word}_nr_out_streams`, 'streams out', 2],
  [`sctp.${word}_nr_in_streams`, 'streams in', 2],
  [`sctp.${word}_initial_tsn`, 'number of the first DATA', 4],
];
const BODIES: Readonly<Record<number, Body>> = {
  0: [
    ['sctp.data_tsn_raw', 'number', 4],
    ['sctp.data_sid', 'stream', 2],
    ['sctp.data_ssn', 'number in its stream', 2],
    ['sctp.data_payload_proto_id', 'payload protocol', 4],
  ],
  1: INIT('init'),
  2: INIT('initack'),
  3: [
    ['sctp.sack_cumulative_tsn_ack_raw', 'all came up to', 4],
    ['sctp.sack_a_rwnd', 'window', 4],
    ['sctp.sack_number_of_gap_blocks', 'gaps', 2],
    ['sctp.sack_number_of_duplicated_tsns', 'duplicates', 2],
  ],
  7: [['sctp.shutdown_cumulative_tsn_ack', 'all came up to', 4]],
};
const MAX_CHUNKS = 64;

export function takeSctp(reader: FieldReader): void {
  reader.form(SCTP);
  for (let i = 0; i < MAX_CHUNKS && reader.left >= 4; i += 1) {
    const type = reader.u8();
    const start = reader.at;
    const end = start + Math.max(4, reader.u16(2));
    reader.take('sctp.chunk_type', 'chunk', 1, { value: `${type} ${NAMES[type] ?? ''}`.trimEnd() });
    reader.take('sctp.chunk_flags', 'flags', 1, 'hex');
    reader.take('sctp.chunk_length', 'length', 2, 'count');
    for (const [name, label, bytes] of BODIES[type] ?? []) if (reader.at + bytes <= end) reader.take(name, label, bytes, 'count');
    if (end > reader.at) reader.take('', type === 0 ? 'data' : type === 10 ? 'cookie' : 'rest', end - reader.at, type === 0 ? 'text' : 'bytes');
    reader.take('sctp.chunk_padding', 'padding', -(end - start) & 3, 'bytes');
  }
}
