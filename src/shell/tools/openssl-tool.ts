/** What openssl's commands share: their options, their files, keys and certificates that they read or make. */
import { type Certificate, parseCertificate } from '../../net/app/tls/certificate.ts';
import { generateEc, type PrivateKey, parsePrivateKey } from '../../net/app/tls/keys.ts';
import { randomBytes } from '../../net/app/tls/layer.ts';
import { parsePem } from '../../net/app/tls/pem.ts';
import { generateRsa } from '../../net/app/tls/rsa.ts';
import type { Invocation } from '../command.ts';
import { resolvePath } from '../paths.ts';

/** What the tool says when it gives up. */
export class OpensslError extends Error {
  readonly code: number;
  constructor(message: string, code = 1) {
    super(message);
    this.code = code;
  }
}

const ERROR_PREFIX = '40E7F12A6F7F0000:error:';

export interface Tool {
  readonly invocation: Invocation;
  readonly given: ReadonlyMap<string, readonly string[]>;
  readonly has: (name: string) => boolean;
  readonly get: (name: string) => string | undefined;
  readonly read: (path: string) => string | undefined;
  readonly write: (path: string | undefined, text: string) => void;
  readonly nowMs: number;
  readonly random: (length: number) => Uint8Array;
}

/** The name by which what came on standard input is read. */
export const STDIN = '<stdin>';

/** `input`: what came on standard input. */
export function toolOf(invocation: Invocation, name: string, flags: string, values: string, input?: string): Tool | string {
  const { argv, shell, place, cwd, host } = invocation;
  const given = new Map<string, string[]>();
  const [plain, taking] = [new Set(flags.split(' ')), new Set(values.split(' '))];
  for (let i = 1; i < argv.length; i += 1) {
    const word = (argv[i] ?? '').replace(/^--(?=[a-z])/, '-');
    if (!word.startsWith('-')) {
      given.set('', [...(given.get('') ?? []), word]);
      continue;
    }
    const key = word.slice(1);
    if (plain.has(key)) given.set(key, ['']);
    else if (taking.has(key)) {
      i += 1;
      const value = argv[i];
      if (value === undefined) return `${name}: Option -${key} needs a value\n${name}: Use -help for summary.\n`;
      given.set(key, [...(given.get(key) ?? []), value]);
    } else return `${name}: Unknown option: ${word}\n${name}: Use -help for summary.\n`;
  }
  return {
    invocation,
    given,
    has: (key) => given.has(key),
    get: (key) => given.get(key)?.at(-1),
    read: (path) => (path === STDIN ? input : shell.readFile(place, resolvePath(cwd, path))),
    write: (path, text) => {
      if (path === undefined) invocation.out(text);
      else {
        const problem = shell.writeFile(place, resolvePath(cwd, path), text);
        if (problem !== undefined) throw new OpensslError(`Can't open "${path}" for writing, ${problem}\n`);
      }
    },
    nowMs: host.epochMs + Math.floor(host.nowNs / 1e6),
    random: randomBytes(host.prng),
  };
}

export const couldNotOpen = (what: string, path: string): OpensslError =>
  new OpensslError(
    `Could not open file or uri for loading ${what} from ${path}\n${ERROR_PREFIX}16000069:STORE routines:ossl_store_get0_loader_int:unregistered scheme:../crypto/store/store_register.c:237:scheme=file\n` +
      `${ERROR_PREFIX}80000002:system library:file_open:No such file or directory:../providers/implementations/storemgmt/file_store.c:266:calling stat(${path})\n`,
  );

export function loadKey(tool: Tool, path: string, what = 'private key'): PrivateKey {
  const text = tool.read(path);
  if (text === undefined) throw couldNotOpen(what, path);
  const key = parsePrivateKey(text);
  if (key === undefined) throw new OpensslError(`Could not read ${what} from ${path}\n`);
  return key;
}

export function loadCertificate(tool: Tool, path: string, what = 'certificate', after = 'Unable to load certificate\n'): Certificate {
  const text = tool.read(path);
  if (text === undefined) throw new OpensslError(couldNotOpen(what, path).message + after);
  const block = parsePem(text).find(({ label }) => label.endsWith('CERTIFICATE'));
  const certificate = block === undefined ? undefined : parseCertificate(block.bytes);
  if (certificate === undefined) throw new OpensslError(`Could not read ${what} from ${path}\n${after}`);
  return certificate;
}

/** A new key as -newkey, genrsa and genpkey ask for it. RSA's search is shown by dots as it goes on. */
export function newKey(tool: Tool, kind: string, curve: string | undefined): PrivateKey {
  const [algorithm, size] = kind.split(':');
  if (algorithm === 'ec' || kind === 'ec') {
    if (curve !== undefined && !/^(prime256v1|P-256|secp256r1)$/i.test(curve))
      throw new OpensslError(`openssl: the curve ${curve} is not simulated in Kubehop (prime256v1 is)\n`);
    return generateEc(tool.random);
  }
  if (algorithm !== 'rsa') throw new OpensslError(`openssl: keys of ${algorithm} are not simulated in Kubehop (rsa and ec are)\n`);
  const bits = size === undefined ? 2048 : Number(size);
  if (!Number.isInteger(bits) || bits < 1024 || bits > 4096 || bits % 16 !== 0)
    throw new OpensslError(`openssl: RSA keys have 1024 to 4096 bits here, not ${size}\n`);
  let marks = '';
  const key = generateRsa(bits, tool.random, (mark) => {
    marks += mark;
  });
  tool.invocation.err(`${marks}\n`);
  return key;
}
