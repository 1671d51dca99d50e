/** What a server does with a WebSocket that says back what it hears: traefik/whoami's `/echo`, and `/ws` of the Gateway API's conformance image. */
import { bytesToText } from '../../wire/binary-text.ts';
import type { Payload } from '../../wire/packet.ts';
import { encodeUtf8 } from '../../wire/utf8.ts';
import { formatHead, headerValue } from '../http-message.ts';
import type { HttpRequest } from '../http-pages.ts';
import type { WebSocketLayer } from '../http-server.ts';
import { acceptKey, asksWebSocket, closeBody, frame, OPCODE, readFrames } from './frames.ts';

const octetsOf = (payload: Payload): string => payload.octets ?? bytesToText(encodeUtf8(payload.text ?? ''));

function upgrade({ headers }: HttpRequest): string {
  const key = headerValue(headers, 'Sec-WebSocket-Key');
  if (!asksWebSocket(headers) || key === undefined || headerValue(headers, 'Sec-WebSocket-Version') !== '13')
    return formatHead('HTTP/1.1 400 Bad Request', [
      { name: 'Sec-WebSocket-Version', value: '13' },
      { name: 'Content-Length', value: '0' },
    ]);
  return formatHead('HTTP/1.1 101 Switching Protocols', [
    { name: 'Upgrade', value: 'websocket' },
    { name: 'Connection', value: 'Upgrade' },
    { name: 'Sec-WebSocket-Accept', value: acceptKey(key) },
  ]);
}

export const webSocketEcho: WebSocketLayer = {
  upgrade,
  receive: (buffer, payload) => {
    const { frames, rest, wrong } = readFrames(buffer + octetsOf(payload));
    const send: Payload[] = [];
    // A frame that is not masked ends the connection (section 5.1).
    const fault = wrong ?? (frames.some(({ masked }) => !masked) ? 1002 : undefined);
    if (fault !== undefined) return { buffer: '', send: [frame(OPCODE.close, closeBody(fault))], closes: true };
    for (const { opcode, payload: body } of frames) {
      if (opcode === OPCODE.close) return { buffer: '', send: [...send, frame(OPCODE.close, body.slice(0, 2))], closes: true };
      if (opcode === OPCODE.ping) send.push(frame(OPCODE.pong, body));
      else if (opcode !== OPCODE.pong) send.push(frame(opcode, body));
    }
    return { buffer: rest, send, closes: false };
  },
};
