/** How far a time zone's clocks are from UTC at a moment. The rules are those of the JavaScript engine's own copy of the IANA data. */

const offsetPattern = /GMT(?:([+-])(\d{2}):(\d{2})(?::(\d{2}))?)?$/;

/** Milliseconds to add to UTC; undefined where the zone is unknown. */
export function zoneOffsetMs(zone: string, atMs: number): number | undefined {
  let text: string;
  try {
    text = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset', year: 'numeric' }).format(atMs);
  } catch {
    return undefined;
  }
  const match = offsetPattern.exec(text);
  if (match === null) return undefined;
  const [, sign = '+', hours = '0', minutes = '0', seconds = '0'] = match;
  return (sign === '-' ? -1 : 1) * ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
}
