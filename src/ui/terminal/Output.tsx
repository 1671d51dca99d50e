/** The lines of a session, in chunks that are drawn again only when something in them changes; lines still to come are muted. */
import { memo } from 'react';
import type { LinkTarget } from '../../world/views.ts';
import { withKeys } from '../shell/with-keys.ts';
import { type LinkIndex, linkLine } from './links.ts';
import type { Line, Piece } from './screen.ts';
import styles from './Terminal.module.css';

const CHUNK_LINES = 50;

interface ChunkProps {
  readonly lines: readonly Line[];
  readonly links: LinkIndex;
  /** Pieces later than this log position are muted. */
  readonly playheadSeq: number;
  readonly onLink: (target: LinkTarget) => void;
}

function PieceText({
  piece,
  links,
  muted,
  onLink,
}: {
  readonly piece: Piece;
  readonly links: LinkIndex;
  readonly muted: boolean;
  readonly onLink: (target: LinkTarget) => void;
}) {
  const className = [styles[piece.kind], muted ? styles.later : ''].join(' ');
  if (piece.kind === 'prompt') return <span className={className}>{piece.text}</span>;
  return (
    <span className={className}>
      {withKeys(linkLine(piece.text, links), (segment) => segment.text).map(({ key, item: segment }) => {
        const { link } = segment;
        if (link === undefined) return segment.text;
        return (
          <button key={key} type="button" tabIndex={-1} className={styles.link} title="Show on the canvas" onClick={() => onLink(link)}>
            {segment.text}
          </button>
        );
      })}
    </span>
  );
}

const Chunk = memo(
  function Chunk({ lines, links, playheadSeq, onLink }: ChunkProps) {
    return (
      <div className={styles.chunk}>
        {lines.map((line) => (
          <div key={line.number} className={styles.line}>
            {line.pieces.length === 0
              ? '\u200b'
              : withKeys(line.pieces, (piece) => piece.kind).map(({ key, item: piece }) => (
                  <PieceText key={key} piece={piece} links={links} muted={piece.seq > playheadSeq + 1} onLink={onLink} />
                ))}
          </div>
        ))}
      </div>
    );
  },
  (before, after) =>
    before.links === after.links &&
    before.onLink === after.onLink &&
    before.playheadSeq === after.playheadSeq &&
    before.lines.length === after.lines.length &&
    before.lines[0] === after.lines[0] &&
    before.lines[before.lines.length - 1] === after.lines[after.lines.length - 1],
);

/** The same number for all playheads that make no difference to this chunk. */
function playheadFor(lines: readonly Line[], playheadSeq: number): number {
  const first = lines[0]?.pieces[0]?.seq ?? 0;
  const last = lines[lines.length - 1]?.pieces[0]?.seq ?? first;
  if (last <= playheadSeq) return Number.POSITIVE_INFINITY;
  return first > playheadSeq + 1 ? -2 : playheadSeq;
}

export function Output({ lines, links, playheadSeq, onLink }: ChunkProps) {
  const chunks: (readonly Line[])[] = [];
  let start = 0;
  while (start < lines.length) {
    // Chunks begin at fixed numbers, so that dropping old lines leaves the others as they are.
    const number = lines[start]?.number ?? 0;
    const length = CHUNK_LINES - (number % CHUNK_LINES);
    chunks.push(lines.slice(start, start + length));
    start += length;
  }
  return chunks.map((chunk) => (
    <Chunk key={Math.floor((chunk[0]?.number ?? 0) / CHUNK_LINES)} lines={chunk} links={links} playheadSeq={playheadFor(chunk, playheadSeq)} onLink={onLink} />
  ));
}
