/** Commands that start-up scripts of containers use most: small, and there from a page's first moment. */
import type { Command } from './command.ts';
import { bracket, testCommand } from './text/test.ts';
import { basename, dirname, echo, falseCommand, printf, seq, trueCommand } from './text/words.ts';
import { cp, env, hostname, id, ls, mkdir, mv, nproc, printenv, pwd, realpath, rm, rmdir, touch, uname, whoami } from './tools/system.ts';

export const firstCommands: readonly Command[] = [
  echo,
  printf,
  seq,
  basename,
  dirname,
  trueCommand,
  falseCommand,
  testCommand,
  bracket,
  cp,
  env,
  hostname,
  id,
  ls,
  mkdir,
  mv,
  nproc,
  printenv,
  pwd,
  realpath,
  rm,
  rmdir,
  touch,
  uname,
  whoami,
];
