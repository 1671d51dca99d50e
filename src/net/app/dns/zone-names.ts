/** Names of zones against names that are asked for. CoreDNS: plugin/normalize.go. */

/** Whether a name is a zone's own or below it; both absolute and lower case. */
export function isInZone(lower: string, zone: string): boolean {
  return zone === '.' || lower === zone || (lower.length > zone.length && lower.endsWith(zone) && lower.charCodeAt(lower.length - zone.length - 1) === 46);
}

/** The longest of the zones that a name is in. */
export function matchingZone(lower: string, zones: readonly string[]): string | undefined {
  let best: string | undefined;
  for (const zone of zones) if (isInZone(lower, zone) && (best === undefined || zone.length > best.length)) best = zone;
  return best;
}

/** Whether a plugin's `fallthrough` lets this name on. */
export const fallsThrough = (lower: string, zones: readonly string[]): boolean => zones.some((zone) => isInZone(lower, zone));
