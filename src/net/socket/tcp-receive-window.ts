/** How much TCP offers to take: grows with what the program reads, never shrinks what was promised. Linux: net/ipv4/tcp_input.c, net/ipv4/tcp_output.c */
import type { SocketLayer } from './layer.ts';
import { seqDistance } from './sequence.ts';
import type { TcpSocket } from './sockets.ts';

const MAX_UNSCALED_WINDOW = 65535;
const MAX_SCALE = 14;
/** TCP_INIT_CWND: segments that the first measurement of the reader's speed assumes. */
const INITIAL_SEGMENTS = 10;

/** Half of a buffer is for data, the other half for the kernel's own structures (TCP_DEFAULT_SCALING_RATIO). */
export const windowOfBuffer = (bufferBytes: number): number => Math.floor(bufferBytes / 2);

/** The largest multiple of the segment size that fits 16 bits and the buffer: 64240 for 1460, 64860 for 1410, 65160 for 1448 (tcp_select_initial_window()). */
export function initialWindow(mss: number, bufferBytes: number): number {
  const space = Math.min(MAX_UNSCALED_WINDOW, windowOfBuffer(bufferBytes));
  return mss >= space ? space : Math.floor(space / mss) * mss;
}

/** Enough for the largest buffer that it may get. */
export function windowScaleFor(maxBufferBytes: number): number {
  let scale = 0;
  for (let space = maxBufferBytes; space > MAX_UNSCALED_WINDOW && scale < MAX_SCALE; space = Math.floor(space / 2)) scale += 1;
  return scale;
}

/** tcp_init_buffer_space(): the connection is open; one segment is kept in reserve. */
export function openReceiveWindow(layer: SocketLayer, socket: TcpSocket, bufferBytes: number): void {
  const mss = receiveMss(socket);
  socket.receiveBufferBytes = bufferBytes;
  const space = windowOfBuffer(bufferBytes);
  socket.windowClamp = space > 2 * mss ? Math.max(2 * mss, space - mss) : space;
  socket.rcvSsthresh = Math.min(socket.rcvWnd, socket.windowClamp);
  socket.readSpace = Math.min(socket.rcvWnd, INITIAL_SEGMENTS * mss);
  socket.readSinceNs = layer.kernel.nowNs;
  socket.readBytes = 0;
}

const TIMESTAMP_BYTES = 12;
const receiveMss = (socket: TcpSocket): number => Math.max(1, socket.advertisedMss - (socket.timestamps ? TIMESTAMP_BYTES : 0));

/** tcp_grow_window(): data has come in order, and there is room for more of the kind. */
export function growWindow(socket: TcpSocket): void {
  const room = Math.min(socket.windowClamp, freeSpace(socket)) - socket.rcvSsthresh;
  if (room > 0) socket.rcvSsthresh += Math.min(room, 2 * receiveMss(socket));
}

/** tcp_rcv_space_adjust(): the program reads more in a round trip than the window assumed: a larger buffer. */
export function measureReading(layer: SocketLayer, socket: TcpSocket, bytes: number, maxBufferBytes: number): void {
  socket.readBytes += bytes;
  const { nowNs } = layer.kernel;
  if (socket.receiveRttNs === 0 || nowNs - socket.readSinceNs < socket.receiveRttNs) return;
  if (socket.readBytes > socket.readSpace) {
    const growth = Math.floor((socket.readBytes * (socket.readBytes - socket.readSpace)) / socket.readSpace);
    const wanted = 2 * (2 * socket.readBytes + 16 * receiveMss(socket) + 2 * growth);
    const buffer = Math.min(wanted, maxBufferBytes);
    if (buffer > socket.receiveBufferBytes) {
      socket.receiveBufferBytes = buffer;
      socket.windowClamp = windowOfBuffer(buffer);
    }
    socket.readSpace = socket.readBytes;
  }
  socket.readSinceNs = nowNs;
  socket.readBytes = 0;
}

const freeSpace = (socket: TcpSocket): number => Math.max(0, windowOfBuffer(socket.receiveBufferBytes) - socket.unreadBytes);

/** tcp_receive_window(): what was offered and is not used yet. */
export const offeredWindow = (socket: TcpSocket): number => Math.max(0, socket.rcvWnd - seqDistance(socket.rcvNxt, socket.rcvWup));

/** __tcp_select_window(): what the next segment offers; also remembers it. */
export function selectWindow(socket: TcpSocket): number {
  const offered = offeredWindow(socket);
  const space = windowOfBuffer(socket.receiveBufferBytes);
  const free = freeSpace(socket);
  const unit = 2 ** socket.rcvScale;
  let window: number;
  if (free < Math.floor(space / 2) && (free < Math.floor(space / 16) || free < socket.rcvMss)) window = 0;
  else window = Math.ceil(Math.min(free, socket.rcvSsthresh) / unit) * unit;
  if (window < offered) window = Math.ceil(offered / unit) * unit;
  const field = Math.min(MAX_UNSCALED_WINDOW, Math.floor(window / unit));
  socket.rcvWnd = field * unit;
  socket.rcvWup = socket.rcvNxt;
  return field;
}
