/** Sizes of the layout in scene units, for a full picture and for a small one (embeds, phones). */

export interface Metrics {
  readonly pad: number;
  readonly columns: number;
  readonly cellW: number;
  readonly cellGap: number;
  readonly podH: number;
  readonly chipColumns: number;
  /** Between rows of pods: eth0 chip, wire and air. */
  readonly rowGap: number;
  readonly podChipW: number;
  readonly podChipH: number;
  /** From the pods' lower edge to the bridge. */
  readonly vethH: number;
  readonly barH: number;
  readonly gap: number;
  /** Kernel with pills, or a strip with dots. */
  readonly strip: boolean;
  readonly kernelH: number;
  readonly chipH: number;
  readonly headerH: number;
  readonly roomGap: number;
  /** Between rooms and underlay: the tunnel's bow. */
  readonly tunnelH: number;
  readonly underlayH: number;
  readonly serviceH: number;
  readonly serviceGap: number;
  readonly outsideW: number;
  readonly outsideH: number;
  readonly tileColumns: number;
  readonly tileH: number;
  readonly tileGap: number;
}

export const fullMetrics: Metrics = {
  pad: 12,
  columns: 4,
  cellW: 86,
  cellGap: 8,
  podH: 64,
  chipColumns: 3,
  rowGap: 28,
  podChipW: 44,
  podChipH: 18,
  vethH: 34,
  barH: 30,
  gap: 18,
  strip: false,
  kernelH: 96,
  chipH: 28,
  headerH: 38,
  roomGap: 24,
  tunnelH: 62,
  underlayH: 32,
  serviceH: 42,
  serviceGap: 30,
  outsideW: 158,
  outsideH: 44,
  tileColumns: 6,
  tileH: 26,
  tileGap: 6,
};

export const compactMetrics: Metrics = {
  pad: 10,
  columns: 4,
  cellW: 76,
  cellGap: 8,
  podH: 42,
  chipColumns: 3,
  rowGap: 24,
  podChipW: 10,
  podChipH: 8,
  vethH: 22,
  barH: 24,
  gap: 12,
  strip: true,
  kernelH: 24,
  chipH: 24,
  headerH: 34,
  roomGap: 16,
  tunnelH: 46,
  underlayH: 26,
  serviceH: 36,
  serviceGap: 18,
  outsideW: 148,
  outsideH: 26,
  tileColumns: 6,
  tileH: 22,
  tileGap: 5,
};

export const roomWidth = (m: Metrics): number => m.pad * 2 + m.columns * m.cellW + (m.columns - 1) * m.cellGap;

/** Left edge of a column within a room. */
export const columnX = (m: Metrics, column: number): number => m.pad + column * (m.cellW + m.cellGap);

export const tileWidth = (m: Metrics): number => (roomWidth(m) - 2 * m.pad - (m.tileColumns - 1) * m.tileGap) / m.tileColumns;

const CHIP_GAP = 10;

/** Devices stand in wider columns than pods. */
export const chipWidth = (m: Metrics): number => (roomWidth(m) - 2 * m.pad - (m.chipColumns - 1) * CHIP_GAP) / m.chipColumns;

export const chipX = (m: Metrics, column: number): number => m.pad + column * (chipWidth(m) + CHIP_GAP);
