/** What the log says of a segment that reached a socket: taken, or dropped and why. */
import type { DropReason } from '../trace-event.ts';
import type { Packet } from '../wire/packet.ts';
import type { SocketLayer } from './layer.ts';
import type { TcpSocket } from './sockets.ts';

export function accept(layer: SocketLayer, socket: TcpSocket, packet: Packet): void {
  layer.causeSeq = layer.kernel.traceDelivered(socket.netns, packet, socket.label, socket.processName);
}

export function drop(layer: SocketLayer, socket: TcpSocket, packet: Packet, reason: DropReason, detail: string): void {
  layer.causeSeq = layer.kernel.traceDropped(socket.netns, packet, reason, detail);
}
