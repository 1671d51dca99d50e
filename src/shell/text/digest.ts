/** md5sum, sha1sum, sha256sum: digests of files, and their check (-c). RFC 1321, RFC 3174, FIPS 180-4. */
import { blocksOf, rotate, sha1, wordsHex } from '../../base/sha1.ts';
import { sha256 } from '../../kube/service/kube-proxy-sha256.ts';
import { defineCommand, type Filter, type FilterIo } from '../command.ts';
import { resolvePath } from '../paths.ts';

const MD5_TURNS = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];

function md5(text: string): string {
  let [a0, b0, c0, d0] = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476].map((word) => word | 0) as [number, number, number, number];
  for (const block of blocksOf(text, true)) {
    let [a, b, c, d] = [a0, b0, c0, d0];
    for (let i = 0; i < 64; i += 1) {
      const round = i >> 4;
      const mixed = round === 0 ? (b & c) | (~b & d) : round === 1 ? (d & b) | (~d & c) : round === 2 ? b ^ c ^ d : c ^ (b | ~d);
      const place = round === 0 ? i : round === 1 ? (5 * i + 1) & 15 : round === 2 ? (3 * i + 5) & 15 : (7 * i) & 15;
      // The constants are the sines of whole radians.
      const sum = (a + mixed + Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32) + (block[place] ?? 0)) | 0;
      [a, d, c, b] = [d, c, b, (b + rotate(sum, MD5_TURNS[round * 4 + (i & 3)] ?? 0)) | 0];
    }
    [a0, b0, c0, d0] = [(a0 + a) | 0, (b0 + b) | 0, (c0 + c) | 0, (d0 + d) | 0];
  }
  return wordsHex([a0, b0, c0, d0], true);
}

const digests: Readonly<Record<string, (text: string) => string>> = {
  md5sum: md5,
  sha1sum: sha1,
  sha256sum: (text) => [...sha256(text)].map((byte) => byte.toString(16).padStart(2, '0')).join(''),
};

interface State {
  readonly name: string;
  readonly check: boolean;
  text: string;
}

function check(name: string, list: string, io: FilterIo): number {
  const { shell, place, cwd } = io.invocation();
  let wrong = 0;
  for (const line of list.split('\n')) {
    const [, wanted, file = ''] = /^([0-9a-f]+) [ *](.*)$/.exec(line) ?? [];
    if (wanted === undefined) continue;
    const text = shell.readFile(place, resolvePath(cwd, file));
    if (text === undefined) io.err(`${name}: ${file}: No such file or directory\n`);
    const good = text !== undefined && digests[name]?.(text) === wanted;
    if (!good) wrong += 1;
    io.out(`${file}: ${good ? 'OK' : text === undefined ? 'FAILED open or read' : 'FAILED'}\n`);
  }
  if (wrong > 0) io.err(`${name}: WARNING: ${wrong} computed checksum${wrong === 1 ? '' : 's'} did NOT match\n`);
  return wrong > 0 ? 1 : 0;
}

const defineDigest = (name: string) =>
  defineCommand({
    name,
    summary: `${name.slice(0, -3).toUpperCase()} digests of files (-c checks)`,
    group: 'text',
    run: (invocation) => {
      const { argv, cwd, place, shell, out, err } = invocation;
      const checks = argv.some((word) => word === '-c' || word === '--check');
      const files = argv.filter((word) => !/^-./.test(word));
      if (files.length === 0 || files[0] === '-') return { kind: 'filter', filter: 'digest', state: { name, check: checks, text: '' } satisfies State };
      let status = 0;
      for (const file of files) {
        const text = shell.readFile(place, resolvePath(cwd, file));
        if (text === undefined) {
          err(`${name}: ${file}: No such file or directory\n`);
          status = 1;
        } else if (checks) status = Math.max(status, check(name, text, { out, err, invocation: () => invocation }));
        else out(`${digests[name]?.(text) ?? ''}  ${file}\n`);
      }
      return status;
    },
  });
export const [md5sum, sha1sum, sha256sum] = [defineDigest('md5sum'), defineDigest('sha1sum'), defineDigest('sha256sum')];

export const digestFilter: Filter = {
  data: (state: State, text) => {
    state.text += text;
    return undefined;
  },
  end: (state: State, io) => {
    if (state.check) return check(state.name, state.text, io);
    io.out(`${digests[state.name]?.(state.text) ?? ''}  -\n`);
    return 0;
  },
};
