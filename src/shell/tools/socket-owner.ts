/** Which process of a host holds a socket: its name, number and file descriptor, as `ss -p` and `netstat -p` show them. */
import type { SocketView } from '../../net/engine.ts';
import type { ShellHost } from '../../world/shell-host.ts';
import { type HostProcess, processesOf } from './pids.ts';

export interface SocketOwner {
  readonly name: string;
  readonly pid: number;
  readonly fd: number;
}

/** A program that a shell runs has no container's number; one is made from its id. */
function pidOfProgram(id: string): number {
  let hash = 7;
  for (const c of id) hash = (hash * 31 + c.charCodeAt(0)) % 30_000;
  return 1000 + hash;
}

/** Owners of all sockets, looked up once. Descriptors count from 3 in the order the sockets were made. */
export function socketOwners(host: ShellHost, hostId: string, sockets: readonly SocketView[]): (socket: SocketView) => SocketOwner | undefined {
  let processes: readonly HostProcess[] | undefined;
  const fds = new Map<string, number>();
  const descriptor = new Map<number, number>();
  for (const socket of sockets.toSorted((a, b) => a.socketId - b.socketId)) {
    if (socket.processId === '') continue;
    const fd = fds.get(socket.processId) ?? 3;
    fds.set(socket.processId, fd + 1);
    descriptor.set(socket.socketId, fd);
  }
  return (socket) => {
    if (socket.processId === '' || socket.state === 'SYN-RECV') return undefined;
    processes ??= processesOf(host, hostId);
    const name = socket.process.slice(socket.process.lastIndexOf('/') + 1);
    const own = processes.find(
      (process) => process.netns === socket.netns && (process.container === undefined ? process.command === name : process.command.startsWith(name)),
    );
    return { name, pid: own?.pid ?? pidOfProgram(socket.processId), fd: descriptor.get(socket.socketId) ?? 3 };
  };
}

/** An inode number for a socket. */
export const inodeOf = (socket: SocketView): number => 20_000 + socket.socketId;
