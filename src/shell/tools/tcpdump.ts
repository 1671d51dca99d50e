/** tcpdump as a command: -r reads a file here, -w lets the running program write to one, -D lists devices; the program itself is net/app/tcpdump.ts. */
import { parseIp } from '../../net/addr/ip.ts';
import { parseTcpdumpArgs, type TcpdumpConfig } from '../../net/app/tcpdump-args.ts';
import { readWithTcpdump } from '../../net/app/tcpdump-read.ts';
import type { Device } from '../../net/records.ts';
import { textToBytes } from '../../net/wire/binary-text.ts';
import { defineCommand, type FilterIo, type Invocation, type Outcome } from '../command.ts';
import { resolvePath } from '../paths.ts';

export const tcpdumpCommand = defineCommand({
  name: 'tcpdump',
  summary: 'packets at a device: tcpdump -i any -nn tcp port 80 (-w FILE, -r FILE)',
  group: 'network',
  run: (invocation) => {
    const { argv, place, outTty, host, out, err } = invocation;
    const parsed = parseTcpdumpArgs(argv, { tty: outTty, image: place.pod?.image ?? place.profile, epochMs: host.epochMs });
    if (!parsed.ok) {
      if (parsed.stdout !== undefined) out(parsed.stdout);
      err(parsed.stderr);
      return parsed.exitCode;
    }
    const { config } = parsed;
    const devices = devicesHere(invocation);
    if (config.list) {
      out(listText(devices));
      return 0;
    }
    if (config.readFrom === '-') return { kind: 'filter', filter: 'tcpdump-read', state: { text: '', config } };
    if (config.readFrom !== undefined) {
      const path = resolvePath(invocation.cwd, config.readFrom);
      const text = invocation.shell.readFile(place, path);
      if (text === undefined) {
        err(`tcpdump: ${config.readFrom}: No such file or directory\n`);
        return 1;
      }
      return read(invocation, invocation, text, config);
    }
    const device = config.device ?? devices.find((one) => one.up && one.type !== 'loopback')?.name ?? 'any';
    const running = { kind: 'program' as const, app: 'tcpdump', name: 'tcpdump', config: { ...config, device }, endless: config.count === 0 };
    if (config.writeTo === undefined || config.writeTo === '-') {
      if (config.writeTo === '-' && outTty) {
        err('tcpdump: The standard output is a terminal; redirect it, or use -w FILE\n');
        return 1;
      }
      return running;
    }
    const opened = openFile(invocation, config.writeTo);
    return typeof opened === 'number' ? opened : { ...running, stdoutFile: opened };
  },
});

/** Makes the file empty; an exit code where that is not possible. */
function openFile(invocation: Invocation, name: string): { readonly key: string; readonly path: string } | number {
  const path = resolvePath(invocation.cwd, name);
  const error = invocation.shell.writeFile(invocation.place, path, '');
  if (error === undefined) return invocation.shell.fileAt(invocation.place, path);
  invocation.err(`tcpdump: ${name}: ${error}\n`);
  return 1;
}

interface HereDevice {
  readonly name: string;
  readonly index: number;
  readonly up: boolean;
  readonly type: Device['type'];
}

function devicesHere({ host, place }: Invocation): HereDevice[] {
  const devices: HereDevice[] = [];
  for (const record of host.engine.records.values()) {
    if (record.kind === 'device' && record.netns === place.netns) devices.push({ name: record.name, index: record.index, up: record.up, type: record.type });
  }
  return devices.sort((a, b) => a.index - b.index);
}

/** libpcap puts what is up first, then the pseudo-device, then the loopback. */
function listText(devices: readonly HereDevice[]): string {
  const lines: string[] = [];
  const add = (text: string): void => {
    lines.push(`${lines.length + 1}.${text}\n`);
  };
  for (const device of devices) if (device.up && device.type !== 'loopback') add(`${device.name} [Up, Running, Connected]`);
  add('any (Pseudo-device that captures on all interfaces) [Up, Running]');
  for (const device of devices) if (device.up && device.type === 'loopback') add(`${device.name} [Up, Running, Loopback]`);
  for (const device of devices) if (!device.up) add(`${device.name} [none${device.type === 'loopback' ? ', Loopback' : ', Disconnected'}]`);
  return lines.join('');
}

function read(invocation: Invocation, io: Pick<FilterIo, 'out' | 'err'>, text: string, config: TcpdumpConfig): Outcome {
  const bytes = textToBytes(text);
  if (bytes === undefined) {
    io.err('tcpdump: unknown file format\n');
    return 1;
  }
  const devices = devicesHere(invocation);
  const hosts = (invocation.shell.readFile(invocation.place, '/etc/hosts') ?? '').split('\n').map((line) => line.replace(/#.*$/, '').trim().split(/\s+/));
  const outcome = readWithTcpdump(bytes, config.readFrom ?? '-', config, {
    deviceName: (index) => devices.find((device) => device.index === index)?.name,
    nameOf: (ip) => hosts.find(([address]) => address !== undefined && parseIp(address) === ip)?.[1],
  });
  io.err(outcome.stderr);
  if (config.writeTo === undefined || config.writeTo === '-') io.out(outcome.stdout);
  else {
    const error = invocation.shell.writeFile(invocation.place, resolvePath(invocation.cwd, config.writeTo), outcome.stdout);
    if (error !== undefined) {
      io.err(`tcpdump: ${config.writeTo}: ${error}\n`);
      return 1;
    }
  }
  return outcome.exitCode;
}

/** `… | tcpdump -r -`: prints when the other side has ended. */
export const tcpdumpReadFilter = {
  data: (state: { text: string; readonly config: TcpdumpConfig }, text: string): undefined => {
    state.text += text;
  },
  end: (state: { readonly text: string; readonly config: TcpdumpConfig }, io: FilterIo): Outcome => read(io.invocation(), io, state.text, state.config),
};
