/** The command line of `bin/kubehop`: options in any order, errors in the words and exit codes of ordinary Unix tools. */

export interface CliOptions {
  readonly verb: 'run' | 'trace' | 'pcap' | 'replay' | 'export-netns' | 'serve' | 'compare' | 'test' | 'suggest';
  /** `-f`, in order: a file, a folder, or `-`. */
  readonly files: readonly string[];
  /** `-c`, in order. */
  readonly commands: readonly string[];
  /** `--on`: a host, or `pod/NAME` (`NAMESPACE/NAME`). */
  readonly on?: string;
  readonly seed: number;
  readonly json: boolean;
  /** trace: `pod/client`, a host. */
  readonly from?: string;
  /** trace: a URL or host:port. */
  readonly to?: string;
  /** pcap: `node01:flannel.1`, `any`. */
  readonly interfaces: readonly string[];
  readonly output?: string;
  /** Where the secrets of TLS connections go. */
  readonly keyLog?: string;
  /** pcap: the capture filter; replay: the file; compare: the two worlds; test: more files; suggest: namespaces. */
  readonly words: readonly string[];
  /** serve: the port, 0 for any free one. */
  readonly port: number;
}

export type ParsedArguments =
  | { readonly kind: 'options'; readonly options: CliOptions }
  | { readonly kind: 'text'; readonly stream: 'stdout' | 'stderr'; readonly text: string; readonly exitCode: number };

export const USAGE = `usage:
  kubehop [-f FILE|DIR|-]... [-c COMMAND]... [--on HOST|pod/NAME] [--seed N] [--json]
      apply the files, let the cluster settle, run commands in its shell (a prompt without -c)
  kubehop trace [-f FILE]... --from pod/client --to http://web-service [--json]
      one request, hop by hop, with the reason for each
  kubehop pcap [-f FILE]... -c COMMAND... [--on HOST|pod/NAME] [-i any|HOST:DEVICE|POD:DEVICE]... -w FILE.pcapng|- [FILTER]
      what tcpdump would have written on those devices (any, the default: every device of every netns), with the reason of each hop as a comment
  kubehop replay FILE [FLOW...] [--both] [-f FILE]... [-w OUT.pcapng [-i HOST:DEVICE]...]
      the flows of a capture; with numbers: their packets sent again by the hosts and pods that have the old addresses, hop by hop (--json, -w)
  kubehop export netns [-f FILE]... [-c COMMAND]... > cluster.sh
      a bash script that builds this cluster from network namespaces of a real Linux kernel
  kubehop compare A B -c COMMAND... [--on HOST|pod/NAME]
      the same commands in two worlds (files or folders), the last one's packets side by side: bytes, hops, what the network between must know
  kubehop serve [-f FILE]... [--port N]
      the API server on the loopback address, for your own kubectl; prints how to reach it
  kubehop test [-f FILE]... [-c COMMAND]... [EXPECTATIONS.yaml...] [--json]
      who should reach whom (kind: Expectation, kubehop.dev/v1alpha1), tried with real packets; prints TAP, exits with 1 when one does not hold
  kubehop suggest [-f FILE]... -c COMMAND... [NAMESPACE...]
      NetworkPolicies that allow what the commands were seen to need, and nothing else (namespace default, if none is given)
  kubehop recorded DIR|WORLD.json [TRACE.json] [--level N] [--json]
      worlds recorded on a real kernel, done again here and compared (recorded --help)

--keylog FILE (or SSLKEYLOGFILE in the environment) adds the secrets of the TLS connections of the commands to a file; a .pcapng has them inside.
Without files the article's two-node flannel cluster runs. The exit code is that of the last command.
`;

const withValue: Readonly<Record<string, 'files' | 'commands' | 'on' | 'seed' | 'from' | 'to' | 'interfaces' | 'output' | 'port' | 'keyLog'>> = {
  '-f': 'files',
  '--filename': 'files',
  '-c': 'commands',
  '--command': 'commands',
  '--on': 'on',
  '--seed': 'seed',
  '--from': 'from',
  '--to': 'to',
  '-i': 'interfaces',
  '-o': 'output',
  '-w': 'output',
  '--port': 'port',
  '--keylog': 'keyLog',
};

const problem = (text: string): ParsedArguments => ({ kind: 'text', stream: 'stderr', text: `kubehop: ${text}\nTry 'kubehop --help'.\n`, exitCode: 2 });

export function parseArguments(argv: readonly string[]): ParsedArguments {
  const verb =
    argv[0] === 'trace' ||
    argv[0] === 'pcap' ||
    argv[0] === 'replay' ||
    argv[0] === 'serve' ||
    argv[0] === 'compare' ||
    argv[0] === 'test' ||
    argv[0] === 'suggest'
      ? argv[0]
      : argv[0] === 'export'
        ? 'export-netns'
        : 'run';
  if (verb === 'export-netns' && argv[1] !== 'netns') {
    if (argv[1] === '-h' || argv[1] === '--help') return { kind: 'text', stream: 'stdout', text: USAGE, exitCode: 0 };
    return problem(argv[1] === undefined ? 'export needs a format: netns' : `unknown export format: ${argv[1]}`);
  }
  const lists = { files: [] as string[], commands: [] as string[], interfaces: [] as string[] };
  const single: { on?: string; seed?: string; from?: string; to?: string; output?: string; port?: string; keyLog?: string } = {};
  let json = false;
  const words: string[] = [];
  for (let i = verb === 'run' ? 0 : verb === 'export-netns' ? 2 : 1; i < argv.length; i += 1) {
    const word = argv[i] as string;
    if (word === '-h' || word === '--help' || word === 'help') return { kind: 'text', stream: 'stdout', text: USAGE, exitCode: 0 };
    if (word === '--json') {
      json = true;
      continue;
    }
    const [name, attached] =
      word.startsWith('--') && word.includes('=') ? [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)] : [word, undefined];
    const option = withValue[name];
    if (
      option === undefined &&
      (verb === 'pcap' || verb === 'replay' || verb === 'compare' || verb === 'test' || verb === 'suggest') &&
      (!word.startsWith('-') || (verb === 'replay' && word === '--both'))
    ) {
      words.push(word);
      continue;
    }
    if (option === undefined) return problem(word.startsWith('-') ? `unknown option: ${word}` : `unknown command: ${word}`);
    const value = attached ?? argv[i + 1];
    if (value === undefined) return problem(`option ${name} needs a value`);
    if (attached === undefined) i += 1;
    if (option === 'files' || option === 'commands' || option === 'interfaces') lists[option].push(value);
    else single[option] = value;
  }
  const seed = single.seed === undefined ? 1 : Number(single.seed);
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) return problem(`--seed takes a whole number from 0 to 4294967295, not ${single.seed}`);
  const port = single.port === undefined ? 8001 : Number(single.port);
  if (!Number.isInteger(port) || port < 0 || port > 65535) return problem(`--port takes a whole number from 0 to 65535, not ${single.port}`);
  if (verb === 'trace' && (single.from === undefined || single.to === undefined)) return problem('trace needs --from and --to');
  if (verb === 'replay' && words.length === 0) return problem('replay needs a capture file');
  if (verb === 'pcap' && (lists.commands.length === 0 || single.output === undefined)) return problem('pcap needs -c and -w');
  if (verb === 'compare' && (words.length !== 2 || lists.commands.length === 0)) return problem('compare needs two files or folders, and -c');
  return {
    kind: 'options',
    options: {
      verb,
      ...lists,
      seed,
      json,
      port,
      words,
      ...(single.on === undefined ? {} : { on: single.on }),
      ...(single.from === undefined ? {} : { from: single.from }),
      ...(single.to === undefined ? {} : { to: single.to }),
      ...(single.output === undefined ? {} : { output: single.output }),
      ...(single.keyLog === undefined ? {} : { keyLog: single.keyLog }),
    },
  };
}
