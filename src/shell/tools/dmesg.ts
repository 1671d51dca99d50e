/** dmesg: the host's kernel log. util-linux: sys-utils/dmesg.c */
import { defineCommand } from '../command.ts';
import { asctime } from './system.ts';

const LEVELS = ['emerg', 'alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug'];
/** All lines of the network stack are of this facility. */
const FACILITY = 'kern';

export const dmesg = defineCommand({
  name: 'dmesg',
  summary: "the host's kernel log: lines of iptables' LOG, full tables (-T wall clock, -x, -l LEVELS, -t, -C, -c)",
  group: 'network',
  run: ({ argv, host, place, out, err }) => {
    let clock: 'seconds' | 'wall' | 'none' = 'seconds';
    let decode = false;
    let clear = false;
    let print = true;
    let wanted: readonly string[] | undefined;
    const words = argv.flatMap((word) => (/^-[TtxCcwHLS]{2,}$/.test(word) ? [...word.slice(1)].map((letter) => `-${letter}`) : [word]));
    for (let word = words.shift(); word !== undefined; word = words.shift()) {
      if (word === '-T' || word === '--ctime') clock = 'wall';
      else if (word === '-t' || word === '--notime') clock = 'none';
      else if (word === '-x' || word === '--decode') decode = true;
      else if (word === '-C' || word === '--clear') {
        clear = true;
        print = false;
      } else if (word === '-c' || word === '--read-clear') clear = true;
      else if (word === '-l' || word === '--level') {
        wanted = (words.shift() ?? '').split(',');
        const bad = wanted.find((level) => !LEVELS.includes(level));
        if (bad !== undefined) {
          err(`dmesg: unknown level '${bad}'\n`);
          return 1;
        }
      } else if (/^(-[HLSk]|--(human|color|kernel|nopager).*|-P)$/.test(word)) continue;
      else {
        err(
          `dmesg: ${word.startsWith('--') ? `unrecognized option '${word}'` : `invalid option -- '${word.replace('-', '')}'`}\nTry 'dmesg --help' for more information.\n`,
        );
        return 1;
      }
    }
    if (print) {
      for (const { timeNs, level, text } of host.engine.kernelLog(place.hostId)) {
        const name = LEVELS[level] ?? 'info';
        if (wanted !== undefined && !wanted.includes(name)) continue;
        const seconds = Math.floor(timeNs / 1e9);
        const micros = String(Math.floor((timeNs % 1e9) / 1000)).padStart(6, '0');
        const stamp =
          clock === 'none' ? '' : clock === 'wall' ? `[${asctime(host.epochMs + Math.floor(timeNs / 1e6))}] ` : `[${String(seconds).padStart(5)}.${micros}] `;
        out(`${decode ? `${FACILITY.padEnd(6)}:${name.padEnd(6)}: ` : ''}${stamp}${text}\n`);
      }
    }
    if (clear) host.engine.clearKernelLog(place.hostId);
    return 0;
  },
});
