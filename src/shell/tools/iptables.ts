/** iptables, iptables-save and iptables-restore, and the same of ip6tables: the chains of this netns, listed and edited. */
import { applyCommand, type Failure } from '../../net/netfilter/command/apply.ts';
import { formatCommandError, parseCommand, TABLES, VERSION } from '../../net/netfilter/command/parse.ts';
import { restoreText } from '../../net/netfilter/command/restore.ts';
import type { Family } from '../../net/netfilter/definition.ts';
import { BUILTIN_CHAINS } from '../../net/netfilter/hook.ts';
import { formatIptablesSave } from '../../net/netfilter/save.ts';
import { type Command, defineCommand, type Filter, type FilterIo, type Invocation, type Outcome } from '../command.ts';
import { resolvePath } from '../paths.ts';
import { type Backend, chainRecords, findSetOf, openTable, writeTable } from './netfilter-tables.ts';
import { asctime, nowMs } from './system.ts';

const HELP = (program: string): string => `${program} ${VERSION}

Usage: ${program} -[ACD] chain rule-specification [options]
       ${program} -I chain [rulenum] rule-specification [options]
       ${program} -R chain rulenum rule-specification [options]
       ${program} -D chain rulenum [options]
       ${program} -[LS] [chain [rulenum]] [options]
       ${program} -[FZ] [chain] [options]
       ${program} -[NX] chain
       ${program} -E old-chain-name new-chain-name
       ${program} -P chain target [options]
       ${program} -h (print this help information)
`;

/** Text for stderr, and the exit code. */
function failed(program: string, failure: Failure): { readonly text: string; readonly exitCode: number } {
  switch (failure.kind) {
    case 'sentence':
      return { text: `${program}: ${failure.text}\n`, exitCode: 1 };
    case 'usage':
      return { text: formatCommandError(program, { kind: 'error', message: failure.text, usage: true, exitCode: 2 }), exitCode: 2 };
    case 'kernel':
      return { text: `${program} ${VERSION}:  ${failure.text}\n`, exitCode: 4 };
  }
}

/** iptables/nft.c, nft_check_xt_legacy */
function tellLegacy({ host, place, err }: Pick<Invocation, 'host' | 'place' | 'err'>, program: string, family: Family, suffix = ''): void {
  const name = program.replace('-save', '');
  if (chainRecords(host, place.netns, family, 'legacy').length > 0) err(`# Warning: ${name}-legacy tables present, use ${name}-legacy${suffix} to see them\n`);
}

/** What the kernel's old tables are said to have against it. iptables: libiptc/libiptc.c, TC_STRERROR */
function legacyWords(text: string): string {
  if (text.includes('No such file or directory')) return 'No chain/target/match by that name.';
  if (text.includes('File exists')) return 'Chain already exists.';
  if (text.includes('Device or resource busy')) return 'Too many links.';
  return text.includes('Directory not empty') ? 'Directory not empty.' : "Invalid argument. Run `dmesg' for more information.";
}

function run(invocation: Invocation, program: string, family: Family, backend: Backend = 'nft'): number {
  if (backend === 'legacy') return runLegacy(invocation, program, family);
  if (invocation.argv.some((word) => /^(-[a-zA-Z]*[LS]|--list|--list-rules)/.test(word))) tellLegacy(invocation, program, family);
  return perform(invocation, program, family, backend);
}

function runLegacy(invocation: Invocation, program: string, family: Family): number {
  const asLegacy = (text: string): string => {
    const said = text
      .replaceAll(VERSION, VERSION.replace('nf_tables', 'legacy'))
      .replace(/Chain '([^']*)' does not exist\n/, "Couldn't load target `$1':No such file or directory\n\n");
    const kernel = /^(ip6?tables) v[\d.]+ \(legacy\): {2}(.*)\n$/s.exec(said);
    return kernel === null ? said : `${kernel[1]}: ${legacyWords(kernel[2] ?? '')}\n`;
  };
  const { out, err } = invocation;
  const code = perform({ ...invocation, out: (text) => out(asLegacy(text)), err: (text) => err(asLegacy(text)) }, program, family, 'legacy');
  return code === 4 ? 1 : code;
}

function perform(invocation: Invocation, program: string, family: Family, backend: Backend): number {
  const { host, place, out, err } = invocation;
  const parsed = parseCommand(invocation.argv, family);
  switch (parsed.kind) {
    case 'version':
      out(`${program} ${VERSION}\n`);
      return 0;
    case 'help':
      out(HELP(program));
      return 0;
    case 'other family':
      err(`Try \`${program} -h' or '${program} --help' for more information.\n`);
      return 2;
    case 'error':
      err(parsed.usage || parsed.exitCode !== 4 ? formatCommandError(program, parsed) : `${program} ${VERSION}:  ${parsed.message}\n`);
      return parsed.exitCode;
    case 'command': {
      const edit = openTable(host, place.netns, family, parsed.table, backend);
      for (const warning of parsed.warnings) err(warning);
      const reads = (parsed.action === 'list' || parsed.action === 'list-rules') && !parsed.zeroAfter;
      const { out: text, failure } = applyCommand(edit, parsed, findSetOf(host, place.netns), false);
      out(text);
      if (failure !== undefined) {
        const said = failed(program, failure);
        err(said.text);
        return said.exitCode;
      }
      if (!reads && parsed.action !== 'check') {
        edit.touched = true;
        writeTable(host, place.netns, edit, backend);
        host.settle();
      }
      return 0;
    }
  }
}

const FLAGS = ['-t', '-L', '-n', '-v', '-S', '-A', '-D', '-I', '-R', '-C', '-F', '-N', '-X', '-P', '-Z', '-E', '--line-numbers'];

function defineIptables(program: 'iptables' | 'ip6tables', family: Family, backend: Backend = 'nft'): Command {
  const name = backend === 'legacy' ? `${program}-legacy` : program;
  return defineCommand({
    name,
    summary: `${backend === 'legacy' ? "rules in the kernel's old tables" : 'rules'} of this netns${family === 'ipv6' ? ' for IPv6' : ''}: ${name} -t nat -L -n -v, -S, -A, -I, -D, -R, -C, -F, -N, -X, -P, -Z`,
    group: 'network',
    run: (invocation) => run(invocation, program, family, backend),
    complete: (words, current, { host, place }) => {
      const table = TABLES.find((candidate) => words.includes(candidate)) ?? 'filter';
      const chains = [
        ...new Set([
          ...BUILTIN_CHAINS[table],
          ...chainRecords(host, place.netns, family, backend)
            .filter((chain) => chain.table === table)
            .map((chain) => chain.name),
        ]),
      ];
      return [...(words.at(-1) === '-t' ? TABLES : current.startsWith('-') ? FLAGS : chains)].filter((candidate) => candidate.startsWith(current));
    },
  });
}

/** What every one of the getopt_long() tools says of an option it does not know. */
const unknownOption = (program: string, word: string, hint: string): string =>
  `${program}: ${word.startsWith('--') ? `unrecognized option '${word}'` : `invalid option -- '${word[1]}'`}\n${hint}\n`;

function defineSave(program: 'iptables-save' | 'ip6tables-save', family: Family, backend: Backend = 'nft'): Command {
  return defineCommand({
    name: backend === 'legacy' ? program.replace('-save', '-legacy-save') : program,
    summary: `all ${backend === 'legacy' ? 'legacy ' : ''}${family === 'ipv6' ? 'ip6tables' : 'iptables'} rules as text (-t TABLE, -c)`,
    group: 'network',
    run: (invocation) => {
      const { host, place, out, err, shell, cwd } = invocation;
      const words = [...invocation.argv];
      const hint = `Look at manual page \`${program}.8' for more information.`;
      let tables: readonly (typeof TABLES)[number][] | undefined;
      let counted = false;
      let file: string | undefined;
      for (let word = words.shift(); word !== undefined; word = words.shift()) {
        if (word === '-c' || word === '--counters') counted = true;
        else if (word === '-d' || word === '--dump') continue;
        else if (word === '-4' || word === '--ipv4' || word === '-6' || word === '--ipv6') continue;
        else if (word === '-M' || word === '--modprobe') words.shift();
        else if (word === '-f' || word === '--file') file = words.shift();
        else if (word === '-V' || word === '--version') {
          out(`${program} ${VERSION}\n`);
          return 0;
        } else if (word === '-t' || word === '--table' || word.startsWith('--table=')) {
          const name = word.startsWith('--table=') ? word.slice('--table='.length) : (words.shift() ?? '');
          const table = TABLES.find((candidate) => candidate === name);
          if (table === undefined) {
            err(`Table \`${name}' does not exist\n`);
            return 1;
          }
          tables = [table];
        } else if (word.startsWith('-')) {
          err(unknownOption(program, word, hint));
          return 1;
        } else {
          err('Unknown arguments found on commandline\n');
          return 1;
        }
      }
      const text = formatIptablesSave(chainRecords(host, place.netns, family, backend), {
        date: asctime(nowMs(invocation)),
        family,
        policies: (id) => host.engine.counters(id).policy,
        ...(tables === undefined ? {} : { tables }),
        ...(counted ? { counters: (id: string) => host.engine.counters(id) } : {}),
      });
      if (backend === 'nft') tellLegacy(invocation, program, family, '-save');
      const shown = backend === 'legacy' ? text.replaceAll(` ${VERSION} on`, ` ${VERSION.replace(' (nf_tables)', '')} on`) : text;
      if (file === undefined) out(shown);
      else {
        const error = shell.writeFile(place, resolvePath(cwd, file), shown);
        if (error !== undefined) {
          err(`Couldn't open file ${file}: ${error}\n`);
          return 1;
        }
      }
      return 0;
    },
    complete: (_words, current) => ['-t', '-c', ...TABLES].filter((candidate) => candidate.startsWith(current)),
  });
}

interface RestoreState {
  readonly program: 'iptables-restore' | 'ip6tables-restore';
  readonly backend: Backend;
  readonly noflush: boolean;
  readonly counters: boolean;
  readonly test: boolean;
  readonly verbose: boolean;
  readonly table: string | undefined;
  text: string;
}

/** Bytes of one text. */
const MAX_TEXT = 64 * 1024 * 1024;

const RESTORE_HELP = (program: string): string => `Usage: ${program} [-c] [-v] [-V] [-t] [-h] [-n] [-T table] [-M command] [-4] [-6] [file]
\t   [ --counters ]
\t   [ --verbose ]
\t   [ --version]
\t   [ --test ]
\t   [ --help ]
\t   [ --noflush ]
\t   [ --table=<TABLE> ]
\t   [ --modprobe=<command> ]
\t   [ --ipv4 ]
\t   [ --ipv6 ]
`;

function restore(invocation: Pick<Invocation, 'host' | 'place'>, state: RestoreState, io: Pick<FilterIo, 'out' | 'err'>): number {
  const { host, place } = invocation;
  const family = state.program === 'ip6tables-restore' ? 'ipv6' : 'ipv4';
  const { text, backend, ...options } = state;
  const restored = restoreText(text, { family, ...options }, (table) => openTable(host, place.netns, family, table, backend), findSetOf(host, place.netns));
  io.out(restored.out);
  io.err(restored.err);
  for (const edit of restored.tables) writeTable(host, place.netns, edit, backend);
  host.settle();
  return restored.exitCode;
}

export const restoreFilter: Filter = {
  data: (state: RestoreState, text) => {
    if (state.text.length + text.length <= MAX_TEXT) state.text += text;
    return undefined;
  },
  end: (state: RestoreState, io): Outcome => restore(io.invocation(), state, io),
};

function defineRestore(program: 'iptables-restore' | 'ip6tables-restore', backend: Backend = 'nft'): Command {
  return defineCommand({
    name: backend === 'legacy' ? program.replace('-restore', '-legacy-restore') : program,
    summary: `rules from the text of ${program.replace('restore', 'save')} (-n keeps other chains, -c counters, -t test only, -T TABLE)`,
    group: 'network',
    run: (invocation) => {
      const { out, err, shell, place, cwd } = invocation;
      const words = invocation.argv.flatMap((word) => (/^-[bcvVthn46]{2,}$/.test(word) ? [...word.slice(1)].map((letter) => `-${letter}`) : [word]));
      const state = { program, backend, noflush: false, counters: false, test: false, verbose: false, table: undefined as string | undefined, text: '' };
      const files: string[] = [];
      for (let word = words.shift(); word !== undefined; word = words.shift()) {
        if (word === '-n' || word === '--noflush') state.noflush = true;
        else if (word === '-c' || word === '--counters') state.counters = true;
        else if (word === '-t' || word === '--test') state.test = true;
        else if (word === '-v' || word === '--verbose') state.verbose = true;
        else if (word === '-T' || word === '--table') state.table = words.shift();
        else if (word.startsWith('--table=')) state.table = word.slice('--table='.length);
        else if (word === '-w' || word === '--wait' || word === '-W' || word === '--wait-interval') {
          if (/^\d+$/.test(words[0] ?? '')) words.shift();
        } else if (word === '-M' || word === '--modprobe') words.shift();
        else if (/^(-[b46]|--ipv[46]|--wait=\d+|--modprobe=.*)$/.test(word)) continue;
        else if (word === '-V' || word === '--version') {
          out(`${program} ${VERSION}\n`);
          return 0;
        } else if (word === '-h' || word === '--help') {
          err(RESTORE_HELP(program));
          return 0;
        } else if (word.startsWith('-') && word !== '-') {
          err(unknownOption(program, word, `Try \`${program} -h' for more information.`));
          return 1;
        } else files.push(word);
      }
      if (files.length > 1) {
        err('Unknown arguments found on commandline\n');
        return 1;
      }
      const [file] = files;
      if (file === undefined || file === '-') return { kind: 'filter', filter: 'iptables-restore', state };
      const text = shell.readFile(place, resolvePath(cwd, file));
      if (text === undefined) {
        err(`Can't open ${file}: No such file or directory\n`);
        return 1;
      }
      return restore(invocation, { ...state, text }, invocation);
    },
  });
}

export const iptables = defineIptables('iptables', 'ipv4');
export const ip6tables = defineIptables('ip6tables', 'ipv6');
export const iptablesSave = defineSave('iptables-save', 'ipv4');
export const ip6tablesSave = defineSave('ip6tables-save', 'ipv6');
export const iptablesRestore = defineRestore('iptables-restore');
export const ip6tablesRestore = defineRestore('ip6tables-restore');
export const iptablesLegacy = defineIptables('iptables', 'ipv4', 'legacy');
export const ip6tablesLegacy = defineIptables('ip6tables', 'ipv6', 'legacy');
export const iptablesLegacySave = defineSave('iptables-save', 'ipv4', 'legacy');
export const ip6tablesLegacySave = defineSave('ip6tables-save', 'ipv6', 'legacy');
export const iptablesLegacyRestore = defineRestore('iptables-restore', 'legacy');
export const ip6tablesLegacyRestore = defineRestore('ip6tables-restore', 'legacy');
