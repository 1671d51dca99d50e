/** What becomes of a container by its image and command: those that only wait and leave are judged by a look, other commands are run (net/app/container.ts). */
import { behaviourOf, isToolbox, parseImage } from './images.ts';
import type { Container } from './types.ts';

/** Images whose entry point is a shell or an interpreter: without a terminal it reads end-of-file and leaves; calico/node is no Node.js. */
const shellImages = /(?<!calico)(^|\/)(busybox|alpine|ubuntu|debian|centos|fedora|bash|python|node|netshoot|dnsutils|curl|amazonlinux|rockylinux)$/;
/** Makes a certificate, or writes it into a webhook configuration, and leaves. */
const onceOnly = /(^|\/)kube-webhook-certgen$/;
const shells: ReadonlySet<string> = new Set(['sh', 'bash', 'ash', 'zsh', '/bin/sh', '/bin/bash', '/bin/ash', '/bin/zsh']);
const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** How long a container runs by itself, in seconds from its start, and the code with which it then ends. */
export interface Life {
  readonly seconds: number;
  readonly exitCode: number;
}

type Reading = Life | 'endless' | 'script';

/** Asked at every look at a pod; containers of one template are one object in all its pods. */
const readings = new WeakMap<Container, Reading>();

function readingOf(container: Container): Reading {
  let reading = readings.get(container);
  if (reading === undefined) {
    reading = read(container);
    readings.set(container, reading);
  }
  return reading;
}

/** Undefined when it keeps running, or only running it can tell. */
export function lifeOf(container: Container): Life | undefined {
  const reading = readingOf(container);
  return typeof reading === 'string' ? undefined : reading;
}

/** The exit code with which the container ends at once; undefined when it runs for a while or we cannot tell. */
export function exitCodeOf(container: Container): number | undefined {
  const life = lifeOf(container);
  return life === undefined || life.seconds > 0 ? undefined : life.exitCode;
}

/** Its command is a program or a script that has to be run to know what it does. */
export const isScripted = (container: Container): boolean => readingOf(container) === 'script';

/** The command line of a scripted container. */
export function argvOf(container: Container): readonly string[] {
  const words = wordsOf(container);
  // Its entry point takes options for the program's own.
  const isCurl = (container.command ?? []).length === 0 && /(^|\/)curl$/.test(parseImage(container.image ?? '').repository);
  return isCurl && /^(-|https?:)/.test(words[0] ?? '') ? ['curl', ...words] : words;
}

const wordsOf = (container: Container): readonly string[] => [...(container.command ?? []), ...(container.args ?? [])];

const atOnce = (exitCode: number): Life => ({ seconds: 0, exitCode });

function read(container: Container): Reading {
  const words = wordsOf(container);
  const interactive = container.stdin === true && container.tty === true;
  const [first, option, script] = words;
  if (onceOnly.test(parseImage(container.image ?? '').repository)) return { seconds: 1, exitCode: 0 };
  if (first === undefined) return shellImages.test(parseImage(container.image ?? '').repository) && !interactive ? atOnce(0) : 'endless';
  if (shells.has(first) && words.length === 1) return container.stdin === true ? 'endless' : atOnce(0);
  const plain = shells.has(first) ? (option === '-c' && words.length === 3 ? scriptLife(script ?? '') : undefined) : programLife(words);
  if (plain !== undefined) return plain;
  // Somebody sits at its terminal: what is typed there runs in that session.
  if (container.stdin === true) return 'endless';
  const isOwnCommand = (container.command ?? []).length > 0 || isToolbox(container.image ?? '');
  const { role, programs } = behaviourOf(container, '');
  if (role === 'tools' || role === 'server') return isOwnCommand && programs.length === 0 ? 'script' : 'endless';
  // What is in the image nobody here knows: it is taken for granted that copying it about works.
  return shortPrograms.test(baseName(first)) ? atOnce(0) : 'endless';
}

const shortPrograms = /^(echo|date|env|printenv|ls|cat|hostname|id|pwd|uname|whoami|touch|mkdir|cp|chmod|chown)$/;

/** An init container whose work is not simulated is taken for done. */
export function isUnknownWork(container: Container): boolean {
  const { role } = behaviourOf(container, '');
  return readingOf(container) === 'endless' && role !== 'tools' && role !== 'server';
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86400 };

/** `sleep 5`, `sleep 1m 30`; undefined for what is no time. */
function sleepSeconds(words: readonly string[]): number | undefined {
  let seconds = 0;
  for (const word of words) {
    const match = /^(\d{1,9}(?:\.\d{1,9})?)([smhd]?)$/.exec(word);
    if (match === null) return undefined;
    seconds += Number(match[1]) * (UNITS[match[2] ?? ''] ?? 1);
  }
  return words.length === 0 ? undefined : seconds;
}

/** Programs that say nothing. */
function programLife(words: readonly string[]): Life | 'endless' | undefined {
  switch (baseName(words[0] ?? '')) {
    case 'sleep': {
      if (/^inf(inity)?$/.test(words[1] ?? '')) return 'endless';
      const seconds = sleepSeconds(words.slice(1));
      return seconds === undefined ? undefined : { seconds, exitCode: 0 };
    }
    case 'tail':
      return words.slice(1).join(' ') === '-f /dev/null' ? 'endless' : undefined;
    case 'false':
      return atOnce(1);
    case 'true':
    case ':':
      return atOnce(0);
    case 'exit':
      return /^\d{1,3}$/.test(words[1] ?? '0') ? atOnce(Number(words[1] ?? '0') & 255) : undefined;
    default:
      return undefined;
  }
}

/** Only scripts of silent commands joined by `;` or `&&`, and loops that sleep, are judged. */
function scriptLife(script: string): Life | 'endless' | undefined {
  const loop = /^\s*while (?:true|:)\s*;\s*do\s+sleep ([\w.]+)\s*;\s*done\s*;?\s*$/.exec(script);
  if (loop !== null && (sleepSeconds([loop[1] ?? '']) ?? 0) > 0) return 'endless';
  if (script.length > 1000 || /[|<>$`(){}&'"\\]|\b(while|for|until|if|case|trap)\b/.test(script.replaceAll('&&', ';'))) return undefined;
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
    if (life === undefined || life === 'endless') return life;
    seconds += life.seconds;
    exitCode = life.exitCode;
    if (words[0] === 'exit') break;
  }
  return exitCode === undefined ? undefined : { seconds, exitCode };
}
