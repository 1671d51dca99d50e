/** Containers that end by themselves: what a look at image and command tells without running them. */
import { parseImage } from './images.ts';
import type { Container } from './types.ts';

/** Images whose entry point is a shell or an interpreter: without a terminal it reads end-of-file and leaves. */
const shellImages = /(^|\/)(busybox|alpine|ubuntu|debian|centos|fedora|bash|python|node|netshoot|dnsutils|curl|amazonlinux|rockylinux)$/;
const shells: ReadonlySet<string> = new Set(['sh', 'bash', 'ash', 'zsh', '/bin/sh', '/bin/bash', '/bin/ash', '/bin/zsh']);
/** Programs that do their work and end with 0. */
const shortPrograms: ReadonlySet<string> = new Set([
  'true',
  'echo',
  'date',
  'env',
  'printenv',
  'ls',
  'cat',
  'hostname',
  'id',
  'pwd',
  'uname',
  'whoami',
  'touch',
  'mkdir',
  'cp',
  'chmod',
  'chown',
]);

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** How long a container runs by itself, in seconds from its start, and the code with which it then ends. */
export interface Life {
  readonly seconds: number;
  readonly exitCode: number;
}

/** Asked at every look at a pod; containers of one template are one object in all its pods. */
const lives = new WeakMap<Container, Life | 'endless'>();

/** Undefined when it keeps running or we cannot tell. */
export function lifeOf(container: Container): Life | undefined {
  let life = lives.get(container);
  if (life === undefined) {
    life = readLife(container) ?? 'endless';
    lives.set(container, life);
  }
  return life === 'endless' ? undefined : life;
}

/** The exit code with which the container ends at once; undefined when it runs for a while or we cannot tell. */
export function exitCodeOf(container: Container): number | undefined {
  const life = lifeOf(container);
  return life === undefined || life.seconds > 0 ? undefined : life.exitCode;
}

const atOnce = (exitCode: number | undefined): Life | undefined => (exitCode === undefined ? undefined : { seconds: 0, exitCode });

function readLife(container: Container): Life | undefined {
  const words = [...(container.command ?? []), ...(container.args ?? [])];
  const interactive = container.stdin === true && container.tty === true;
  const first = words[0];
  if (first === undefined) return shellImages.test(parseImage(container.image ?? '').repository) && !interactive ? atOnce(0) : undefined;
  if (shells.has(first)) {
    if (words.length === 1) return interactive || container.stdin === true ? undefined : atOnce(0);
    return words[1] === '-c' && words.length === 3 ? scriptLife(words[2] ?? '') : undefined;
  }
  return programLife(words);
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86400 };

/** `sleep 5`, `sleep 1m 30`; undefined for `sleep infinity`, which never ends. */
function sleepSeconds(words: readonly string[]): number | undefined {
  let seconds = 0;
  for (const word of words) {
    const match = /^(\d{1,9}(?:\.\d{1,9})?)([smhd]?)$/.exec(word);
    if (match === null) return undefined;
    seconds += Number(match[1]) * (UNITS[match[2] ?? ''] ?? 1);
  }
  return words.length === 0 ? 0 : seconds;
}

function programLife(words: readonly string[]): Life | undefined {
  if (baseName(words[0] ?? '') !== 'sleep') return atOnce(programExitCode(words));
  const seconds = sleepSeconds(words.slice(1));
  return seconds === undefined ? undefined : { seconds, exitCode: words.length === 1 ? 1 : 0 };
}

function programExitCode(words: readonly string[]): number | undefined {
  const program = baseName(words[0] ?? '');
  if (program === 'false') return 1;
  if (program === 'exit') return /^\d{1,3}$/.test(words[1] ?? '0') ? Number(words[1] ?? '0') & 255 : undefined;
  // `cat` without a file waits for input that never comes on a closed stdin: it ends as well.
  return shortPrograms.has(program) ? 0 : undefined;
}

/** Only scripts of plain commands joined by `;` or `&&` are judged; anything with loops, pipes or variables runs on. */
function scriptLife(script: string): Life | undefined {
  if (script.length > 1000 || /[|<>$`(){}&]|\b(while|for|until|if|case)\b/.test(script.replaceAll('&&', ';'))) return undefined;
  let seconds = 0;
  let exitCode: number | undefined;
  let skipped = false;
  for (const [index, part] of script.split(/(;|\n|&&)/).entries()) {
    if (index % 2 === 1) {
      // What stands behind `&&` runs only when all before it went well.
      skipped = part === '&&' ? skipped || (exitCode ?? 0) !== 0 : false;
      continue;
    }
    const words = part.trim().split(/\s+/);
    if (words[0] === '' || words[0] === undefined || skipped) continue;
    const life = programLife(words);
    if (life === undefined) return undefined;
    seconds += life.seconds;
    exitCode = life.exitCode;
    if (words[0] === 'exit') break;
  }
  return exitCode === undefined ? undefined : { seconds, exitCode };
}
