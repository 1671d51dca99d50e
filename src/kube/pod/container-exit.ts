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

/** The exit code with which the container ends at once; undefined when it keeps running or we cannot tell. */
export function exitCodeOf(container: Container): number | undefined {
  const words = [...(container.command ?? []), ...(container.args ?? [])];
  const interactive = container.stdin === true && container.tty === true;
  const first = words[0];
  if (first === undefined) return shellImages.test(parseImage(container.image ?? '').repository) && !interactive ? 0 : undefined;
  if (shells.has(first)) {
    if (words.length === 1) return interactive || container.stdin === true ? undefined : 0;
    return words[1] === '-c' && words.length === 3 ? scriptExitCode(words[2] ?? '') : undefined;
  }
  return programExitCode(words);
}

function programExitCode(words: readonly string[]): number | undefined {
  const program = baseName(words[0] ?? '');
  if (program === 'false') return 1;
  if (program === 'exit') return /^\d{1,3}$/.test(words[1] ?? '0') ? Number(words[1] ?? '0') & 255 : undefined;
  // `cat` without a file waits for input that never comes on a closed stdin: it ends as well.
  return shortPrograms.has(program) ? 0 : undefined;
}

/** Only scripts of plain commands joined by `;` or `&&` are judged; anything with loops, pipes or variables runs on. */
function scriptExitCode(script: string): number | undefined {
  if (script.length > 1000 || /[|<>$`(){}&\n]|\b(while|for|until|if|case)\b/.test(script.replaceAll('&&', ';'))) return undefined;
  let last: number | undefined;
  for (const part of script.replaceAll('&&', ';').split(';')) {
    const words = part.trim().split(/\s+/);
    if (words[0] === '' || words[0] === undefined) continue;
    last = programExitCode(words);
    if (last === undefined) return undefined;
    if (words[0] === 'exit') return last;
  }
  return last;
}
