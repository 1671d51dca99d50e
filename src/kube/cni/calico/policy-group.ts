/** Names of chains for groups of policies: SHA3-224 (FIPS 202) of what is in them. Calico v3.30: felix/rules/endpoints.go, PolicyGroup.UniqueID */
import { utf8Bytes } from '../../service/kube-proxy-sha256.ts';
import { base64Url } from './felix-rule.ts';

const MASK = (1n << 64n) - 1n;
const turn = (lane: bigint, by: number): bigint => (by === 0 ? lane : ((lane << BigInt(by)) | (lane >> BigInt(64 - by))) & MASK);
const RATE_BYTES = 144;

/** Round constants and rotations, from the definition's own shift register and walk. */
function tables(): { readonly rounds: readonly bigint[]; readonly turns: readonly number[]; readonly places: readonly number[] } {
  const rounds: bigint[] = [];
  let register = 1;
  for (let round = 0; round < 24; round += 1) {
    let constant = 0n;
    for (let j = 0; j < 7; j += 1) {
      if ((register & 1) !== 0) constant |= 1n << BigInt((1 << j) - 1);
      register = (register << 1) ^ ((register >> 7) * 0x171);
    }
    rounds.push(constant);
  }
  const turns: number[] = [];
  const places: number[] = [];
  let [x, y] = [1, 0];
  for (let t = 0; t < 24; t += 1) {
    places.push(x + 5 * y);
    turns.push((((t + 1) * (t + 2)) / 2) % 64);
    [x, y] = [y, (2 * x + 3 * y) % 5];
  }
  return { rounds, turns, places };
}

let known: ReturnType<typeof tables> | undefined;

function permute(state: bigint[]): void {
  known ??= tables();
  const { rounds, turns, places } = known;
  const at = (i: number): bigint => state[i] ?? 0n;
  for (const constant of rounds) {
    const columns = [0, 1, 2, 3, 4].map((x) => at(x) ^ at(x + 5) ^ at(x + 10) ^ at(x + 15) ^ at(x + 20));
    for (let i = 0; i < 25; i += 1) state[i] = at(i) ^ (columns[(i + 4) % 5] ?? 0n) ^ turn(columns[(i + 1) % 5] ?? 0n, 1);
    const lanes = [...state];
    // Each lane is turned and goes to the place that the walk comes to next.
    places.forEach((place, t) => {
      const [x, y] = [place % 5, Math.floor(place / 5)];
      lanes[y + 5 * ((2 * x + 3 * y) % 5)] = turn(at(place), turns[t] ?? 0);
    });
    for (let i = 0; i < 25; i += 1) {
      const row = i - (i % 5);
      state[i] = (lanes[i] ?? 0n) ^ (~(lanes[row + ((i + 1) % 5)] ?? 0n) & MASK & (lanes[row + ((i + 2) % 5)] ?? 0n));
    }
    state[0] = at(0) ^ constant;
  }
}

/** 28 bytes. */
export function sha3of224(text: string): Uint8Array {
  const message = utf8Bytes(text);
  const padded = [...message, 6, ...Array.from({ length: RATE_BYTES - 1 - (message.length % RATE_BYTES) }, () => 0)];
  padded[padded.length - 1] = (padded.at(-1) ?? 0) | 0x80;
  const state = Array.from({ length: 25 }, () => 0n);
  for (let offset = 0; offset < padded.length; offset += RATE_BYTES) {
    for (let i = 0; i < RATE_BYTES; i += 1) state[i >> 3] = (state[i >> 3] ?? 0n) ^ (BigInt(padded[offset + i] ?? 0) << BigInt(8 * (i & 7)));
    permute(state);
  }
  return Uint8Array.from({ length: 28 }, (_, i) => Number(((state[i >> 3] ?? 0n) >> BigInt(8 * (i & 7))) & 255n));
}

const names = new Map<string, string>();
const MAX_NAMES = 5000;
/** `cali-gi-` leaves 20 characters. */
const LENGTH = 20;

export function policyGroupId(tier: string, selector: string, direction: 'ingress' | 'egress', policies: readonly string[]): string {
  const text = [tier, selector, direction === 'ingress' ? 'inbound' : 'outbound', String(policies.length), ...policies].map((line) => `${line}\n`).join('');
  let name = names.get(text);
  if (name === undefined) {
    name = base64Url(sha3of224(text)).slice(0, LENGTH);
    if (names.size >= MAX_NAMES) names.clear();
    names.set(text, name);
  }
  return name;
}
