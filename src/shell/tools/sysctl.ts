/** sysctl of procps: kernel settings of this netns, read, written, listed. */
import { readSysctlText, sysctlNames, writeSysctlText } from '../../net/stack/sysctl.ts';
import { defineCommand, type Invocation } from '../command.ts';
import { findNetns } from '../machine/places.ts';
import { resolvePath } from '../paths.ts';
import { compileRegex, type Regex } from '../text/regex.ts';
import { devicesOf } from './net-view.ts';

const USAGE = `
Usage:
 sysctl [options] [variable[=value] ...]

Options:
  -a, --all            display all variables
  -A                   alias of -a
  -X                   alias of -a
      --deprecated     include deprecated parameters to listing
      --dry-run        Print the key and values but do not write
  -b, --binary         print value without new line
  -e, --ignore         ignore unknown variables errors
  -N, --names          print variable names without values
  -n, --values         print only values of the given variable(s)
  -p, --load[=<file>]  read values from file
  -f                   alias of -p
      --system         read values from all system directories
  -r, --pattern <expression>
                       select setting that match expression
  -q, --quiet          do not echo variable set
  -w, --write          enable writing a value to variable
  -o                   does nothing
  -x                   does nothing
  -d                   alias of -h

 -h, --help     display this help and exit
 -V, --version  output version information and exit

For more details see sysctl(8).
`;

interface Options {
  all: boolean;
  bare: boolean;
  names: boolean;
  values: boolean;
  quiet: boolean;
  ignore: boolean;
  dryRun: boolean;
  load: boolean;
  pattern: Regex | undefined;
  readonly words: string[];
}

const LONG: Readonly<Record<string, string>> = {
  all: 'a',
  binary: 'b',
  ignore: 'e',
  names: 'N',
  values: 'n',
  load: 'p',
  pattern: 'r',
  quiet: 'q',
  write: 'w',
  help: 'h',
  version: 'V',
};

/** Options as getopt_long reads them; a number is the exit code of help, version or a mistake. */
function readOptions({ argv, out, err }: Invocation): Options | number {
  const options: Options = {
    all: false,
    bare: false,
    names: false,
    values: false,
    quiet: false,
    ignore: false,
    dryRun: false,
    load: false,
    pattern: undefined,
    words: [],
  };
  const rest = [...argv];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (!word.startsWith('-') || word === '-') {
      options.words.push(word);
      continue;
    }
    const [long = '', value] = word.startsWith('--') ? word.slice(2).split('=') : [];
    if (long === 'dry-run') options.dryRun = true;
    if (long === 'dry-run' || long === 'deprecated') continue;
    const letters = word.startsWith('--') ? LONG[long] : word.slice(1);
    if (letters === undefined) {
      err(`sysctl: unrecognized option '${word}'\n${USAGE}`);
      return 1;
    }
    for (const letter of letters) {
      if (letter === 'a' || letter === 'A' || letter === 'X') options.all = true;
      else if (letter === 'b') options.bare = true;
      else if (letter === 'N') options.names = true;
      else if (letter === 'n') options.values = true;
      else if (letter === 'q') options.quiet = true;
      else if (letter === 'e') options.ignore = true;
      else if (letter === 'p' || letter === 'f') options.load = true;
      else if (letter === 'r') {
        const pattern = compileRegex(value ?? rest.shift() ?? '', { syntax: 'extended', ignoreCase: false });
        if ('error' in pattern) {
          err(`sysctl: ${pattern.error}\n`);
          return 1;
        }
        options.pattern = pattern;
      } else if (letter === 'h' || letter === 'd') {
        out(USAGE);
        return 0;
      } else if (letter === 'V') {
        out('sysctl from procps-ng 4.0.2\n');
        return 0;
      } else if (!'wox'.includes(letter)) {
        err(`sysctl: invalid option -- '${letter}'\n${USAGE}`);
        return 1;
      }
    }
    if (value !== undefined && options.load) options.words.push(value);
  }
  return options;
}

/** Slashes and dots may stand for one another (`net/ipv4/conf/eth0.100/rp_filter`). */
function dotted(name: string): string {
  return name.replaceAll('/', '.');
}

export const sysctl = defineCommand({
  name: 'sysctl',
  summary: 'kernel settings of this netns: sysctl net.ipv4.ip_forward, -w NAME=VALUE, -a',
  group: 'network',
  run: (invocation) => {
    const { host, place, err } = invocation;
    const options = readOptions(invocation);
    if (typeof options === 'number') return options;
    if (findNetns(host, place.netns) === undefined) return 255;
    if (options.all) {
      for (const name of namesOf(invocation)) if (matches(options, name)) show(invocation, options, name);
      return 0;
    }
    if (options.load) return load(invocation, options);
    if (options.words.length === 0) {
      err(USAGE);
      return 1;
    }
    let status = 0;
    for (const word of options.words) if (!one(invocation, options, word)) status = 1;
    host.settle();
    return status;
  },
  complete: (_words, current, invocation) => namesOf(invocation).filter((name) => name.startsWith(current)),
});

const devicesHere = ({ host, place }: Invocation): string[] => devicesOf(host, place.netns).map((device) => device.name);

function namesOf(invocation: Invocation): string[] {
  return sysctlNames(findNetns(invocation.host, invocation.place.netns)?.sysctls ?? {}, devicesHere(invocation));
}

function matches(options: Options, name: string): boolean {
  return options.pattern?.find(name, 0) !== undefined || options.pattern === undefined;
}

function show({ host, place, out }: Invocation, options: Options, name: string): void {
  const values = findNetns(host, place.netns)?.sysctls ?? {};
  const value = readSysctlText(
    values,
    devicesOf(host, place.netns).map((device) => device.name),
    name,
  );
  if (value === undefined) return;
  if (options.names) out(`${name}\n`);
  else if (options.bare) out(value);
  else out(options.values ? `${value}\n` : `${name} = ${value}\n`);
}

/** One word of the command line; false where it failed. */
function one(invocation: Invocation, options: Options, word: string): boolean {
  const { host, place, out, err } = invocation;
  const at = word.indexOf('=');
  const name = dotted((at < 0 ? word : word.slice(0, at)).trim());
  const values = findNetns(host, place.netns)?.sysctls ?? {};
  const devices = devicesHere(invocation);
  if (at < 0) {
    const below = namesOf(invocation).filter((known) => known === name || known.startsWith(`${name}.`));
    if (below.length === 0) return missing(options, err, name);
    for (const known of below) if (matches(options, known)) show(invocation, options, known);
    return true;
  }
  const wanted = word.slice(at + 1).trim();
  if (readSysctlText(values, devices, name) === undefined) return missing(options, err, name);
  const next = writeSysctlText(values, devices, name, wanted);
  if (typeof next === 'string') {
    err(`sysctl: setting key "${name}": Invalid argument\n`);
    return false;
  }
  if (!options.dryRun) {
    const netns = findNetns(host, place.netns);
    if (netns !== undefined) host.engine.records.put({ ...netns, sysctls: next });
  }
  if (options.quiet) return true;
  if (options.names) out(`${name}\n`);
  else out(options.values ? `${wanted}\n` : `${name} = ${wanted}\n`);
  return true;
}

function missing(options: Options, err: (text: string) => void, name: string): boolean {
  if (options.ignore) return true;
  err(`sysctl: cannot stat /proc/sys/${name.replaceAll('.', '/')}: No such file or directory\n`);
  return false;
}

/** -p: lines `name = value`; `#` and `;` begin comments, a `-` before the name forgives errors. */
function load(invocation: Invocation, options: Options): number {
  const { cwd, place, shell, err, host } = invocation;
  let status = 0;
  for (const file of options.words.length === 0 ? ['/etc/sysctl.conf'] : options.words) {
    const text = shell.readFile(place, resolvePath(cwd, file));
    if (text === undefined) {
      err(`sysctl: cannot open "${file}": No such file or directory\n`);
      status = 1;
      continue;
    }
    for (const [index, line] of text.split('\n').entries()) {
      const words = line.trim();
      if (words === '' || words.startsWith('#') || words.startsWith(';')) continue;
      if (!words.includes('=')) {
        err(`sysctl: ${file}(${index + 1}): invalid syntax, continuing...\n`);
        continue;
      }
      const forgiven = words.startsWith('-');
      if (!one(invocation, { ...options, ignore: options.ignore || forgiven }, words.replace(/^-\s*/, '')) && !forgiven) status = 1;
    }
  }
  host.settle();
  return status;
}
