/** `bin/kubehop` as people call it: what the real tools print on stdout, errors on stderr, the last command's exit code. */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseArguments } from './arguments.ts';

const launcher = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'bin', 'kubehop');

function kubehop(argv: readonly string[], input = ''): { readonly stdout: string; readonly stderr: string; readonly status: number | null } {
  const { stdout, stderr, status } = spawnSync(process.execPath, [launcher, ...argv], { input, encoding: 'utf8', timeout: 60_000 });
  return { stdout, stderr, status };
}

describe('kubehop', () => {
  it('runs commands in one world and ends with the last one’s exit code', () => {
    const { stdout, stderr, status } = kubehop([
      '-c',
      'kubectl get svc web-service -o jsonpath={.spec.clusterIP}; echo',
      '-c',
      'kubectl exec client -- curl -s web-service',
      '-c',
      'echo "open',
      '-c',
      'kubectl get foo',
    ]);
    expect(stdout).toMatch(/^10\.97\.253\.216\nHello from web-[a-z0-9-]+\n$/);
    expect(stderr).toBe('bash: unexpected EOF while looking for matching `"\'\nerror: the server doesn\'t have a resource type "foo"\n');
    expect(status).toBe(1);
  }, 60_000);

  it('reads commands from a pipe, on the host or pod that --on names', () => {
    expect(kubehop(['--on', 'pod/client'], 'hostname\ncat /etc/resolv.conf | head -1\nexit 3\n')).toMatchObject({
      stdout: expect.stringMatching(/^client\nsearch default\.svc\.cluster\.local svc\.cluster\.local cluster\.local\n/) as string,
      stderr: '',
    });
    expect(kubehop(['--on', 'nosuch', '-c', 'true'])).toMatchObject({ stdout: '', stderr: 'kubehop: there is no host or running pod "nosuch"\n', status: 1 });
  }, 60_000);

  it('tries expectations and prints TAP', () => {
    const file = (name: string, port: number) =>
      `apiVersion: kubehop.dev/v1alpha1\nkind: Expectation\nmetadata: {name: ${name}}\nspec: {from: {pod: client}, to: {podSelector: {matchLabels: {app: web}}}, port: ${port}}\n`;
    const article = join(dirname(launcher), '..', 'src', 'content', 'examples', 'article');
    const { stdout, status } = spawnSync(process.execPath, [launcher, 'test', '-f', article, '-f', '-'], {
      input: `${file('web', 80)}---\n${file('web-81', 81)}`,
      encoding: 'utf8',
    });
    expect(stdout).toMatch(
      /^TAP version 14\n1\.\.2\nok 1 - default\/web: pod\/client → pods app=web TCP 80 is open\nnot ok 2 - default\/web-81: .*\n {2}---\n {2}expected: "open"\n {2}found: "refused from client to web-.*, NO_SOCKET at web-.*"\n {2}why: ".*"\n {2}said: "nc: .*"\n {2}\.\.\.\n$/,
    );
    expect(status).toBe(1);
  }, 60_000);

  it('traces a request as JSON Lines with stable keys', () => {
    const { stdout, status } = kubehop(['trace', '--from', 'pod/client', '--to', 'http://web-service', '--json']);
    const lines = stdout.trimEnd().split('\n');
    expect(status).toBe(0);
    expect(lines.length).toBeGreaterThan(50);
    for (const line of lines) {
      const hop = JSON.parse(line) as Readonly<Record<string, unknown>>;
      for (const key of ['seq', 'timeNs', 'packet', 'host', 'netns', 'device', 'step', 'layers', 'text']) expect(hop).toHaveProperty(key);
    }
  }, 60_000);

  it('refuses a wrong command line with a sentence and exit code 2', () => {
    for (const [argv, text] of [
      [['--nope'], 'kubehop: unknown option: --nope\n'],
      [['-c'], 'kubehop: option -c needs a value\n'],
      [['--seed', 'x'], 'kubehop: --seed takes a whole number from 0 to 4294967295, not x\n'],
      [['trace'], 'kubehop: trace needs --from and --to\n'],
      [['frob'], 'kubehop: unknown command: frob\n'],
    ] as const) {
      expect(parseArguments(argv)).toMatchObject({ kind: 'text', stream: 'stderr', text: expect.stringContaining(text) as string, exitCode: 2 });
    }
  });
});
