/** Resource quantities. Kubernetes: apimachinery/pkg/api/resource/quantity.go. */

const pattern = /^([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?\d{1,3})?$/;
const factors: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** The amount in units (cores, bytes, pieces); undefined when the text is no quantity. */
export function parseQuantity(text: string): number | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const suffix = match[2] ?? '';
  const factor = factors[suffix] ?? Number(`1${suffix}`);
  return Number(match[1]) * factor;
}

/** Milli-units as integers, so that sums are exact: 0.1 cores are 100. Unreadable text counts as nothing. */
export const milliUnits = (text: string | undefined): number => (text === undefined ? 0 : Math.ceil((parseQuantity(text) ?? 0) * 1000 - 1e-9));
/** Whole units, rounded up as the scheduler does for memory. */
export const wholeUnits = (text: string | undefined): number => (text === undefined ? 0 : Math.ceil((parseQuantity(text) ?? 0) - 1e-9));
