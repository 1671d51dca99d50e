/** SCTP as the kernel knows it before its module is loaded: who opens such a socket brings the code (net/socket/sctp.ts), so that worlds without SCTP do without it. */
import type { Endpoint, LocalChoice } from '../app/definition.ts';
import type { Errno } from '../stack/userland.ts';
import type { Ip, Packet, Payload } from '../wire/packet.ts';
import type { SocketLayer } from './layer.ts';
import type { SctpSocket } from './sockets.ts';
import type { Owner } from './udp.ts';

export interface SctpTransport {
  listen(layer: SocketLayer, owner: Owner, ip: Ip, port: number): SctpSocket | Errno;
  connect(layer: SocketLayer, owner: Owner, to: Endpoint, from?: LocalChoice): SctpSocket | Errno;
  send(layer: SocketLayer, socket: SctpSocket, payload: Payload): 'ok' | Errno;
  close(layer: SocketLayer, socket: SctpSocket): void;
  abort(layer: SocketLayer, socket: SctpSocket): void;
  timer(layer: SocketLayer, socket: SctpSocket, tag: string): void;
  /** Every SCTP packet for a netns of a host that has the module: it answers also where nobody listens. */
  deliver(layer: SocketLayer, netns: string, packet: Packet): void;
  error(layer: SocketLayer, netns: string, error: Packet, quoted: Packet): void;
}
