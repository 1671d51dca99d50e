/** netem and tbf as `tc qdisc show` prints them. iproute2: tc/q_netem.c, tc/q_tbf.c, tc/tc_util.c */
import type { Qdisc } from '../records.ts';

const NS = 1e9;

/** sprint_time(): three digits, in the largest unit that is not below one. */
export function timeText(ns: number): string {
  const us = Math.round(ns / 1e3);
  if (us >= 1e6) return `${Number((us / 1e6).toPrecision(3))}s`;
  return us >= 1e3 ? `${Number((us / 1e3).toPrecision(3))}ms` : `${us}us`;
}

/** tc_print_rate(): `1Mbit`, `1500Kbit`. */
export function rateText(bitsPerSecond: number): string {
  const units = ['', 'K', 'M', 'G', 'T'];
  let rate = bitsPerSecond;
  let unit = 0;
  while (unit < units.length - 1 && rate >= 1000 && !(rate % 1000 !== 0 && rate < 1e6)) {
    rate /= 1000;
    unit += 1;
  }
  return `${rate.toFixed(0)}${units[unit]}bit`;
}

/** sprint_size() */
export function sizeText(bytes: number): string {
  const mega = bytes / 1024 ** 2;
  if (mega >= 1 && Math.abs(1024 ** 2 * Math.round(mega) - bytes) < 1024) return `${Math.round(mega)}Mb`;
  const kilo = bytes / 1024;
  return kilo >= 1 && Math.abs(1024 * Math.round(kilo) - bytes) < 16 ? `${Math.round(kilo)}Kb` : `${bytes}b`;
}

/** %g of the percentage that 32 bits keep. */
export const percentText = (ratio: number): string => `${Number(((Math.round(ratio * 4294967295) / 4294967295) * 100).toPrecision(6))}%`;

const correlation = (ratio: number): string => (ratio === 0 ? '' : ` ${percentText(ratio)}`);

/** What follows `refcnt N ` in `tc qdisc show`. */
export function qdiscText(qdisc: Qdisc): string {
  if (qdisc.kind === 'tbf') {
    const latencyNs = (qdisc.limitBytes - qdisc.burstBytes) / (qdisc.rateBitsPerSecond / 8 / NS);
    return `rate ${rateText(qdisc.rateBitsPerSecond)} burst ${sizeText(qdisc.burstBytes)} lat ${timeText(Math.max(0, latencyNs))} `;
  }
  let text = `limit ${qdisc.limitPackets}`;
  if (qdisc.delayNs > 0) {
    text += ` delay ${timeText(qdisc.delayNs)}`;
    if (qdisc.jitterNs > 0) text += `  ${timeText(qdisc.jitterNs)}${correlation(qdisc.delayCorrelation)}`;
  }
  if (qdisc.lossRatio > 0) text += ` loss ${percentText(qdisc.lossRatio)}${correlation(qdisc.lossCorrelation)}`;
  if (qdisc.duplicateRatio > 0) text += ` duplicate ${percentText(qdisc.duplicateRatio)}${correlation(qdisc.duplicateCorrelation)}`;
  if (qdisc.reorderRatio > 0) text += ` reorder ${percentText(qdisc.reorderRatio)}${correlation(qdisc.reorderCorrelation)}`;
  if (qdisc.corruptRatio > 0) text += ` corrupt ${percentText(qdisc.corruptRatio)}${correlation(qdisc.corruptCorrelation)}`;
  if (qdisc.rateBitsPerSecond > 0) text += ` rate ${rateText(qdisc.rateBitsPerSecond)}`;
  if (qdisc.reorderGap > 0) text += ` gap ${qdisc.reorderGap}`;
  return text;
}
