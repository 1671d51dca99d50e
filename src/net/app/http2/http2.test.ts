/** HTTP/2: header blocks against RFC 7541's examples, and two ends that speak with each other. */
import { array, assert, constantFrom, property, record, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeHeaders, encodeHeaders } from './hpack.ts';
import { decodeHuffman, encodeHuffman } from './huffman.ts';
import { type H2Session, receiveH2, resetH2, sendH2, startH2 } from './session.ts';

const hex = (text: string): string => [...text].map((one) => one.charCodeAt(0).toString(16).padStart(2, '0')).join('');
const unhex = (text: string): string => (text.match(/../g) ?? []).map((one) => String.fromCharCode(Number.parseInt(one, 16))).join('');
const octets = string({ unit: constantFrom(...Array.from({ length: 256 }, (_, i) => String.fromCharCode(i))), maxLength: 60 });

describe('a header block', () => {
  it('is what RFC 7541 appendix C.4 has, request after request over one table', () => {
    const first = [
      { name: ':method', value: 'GET' },
      { name: ':scheme', value: 'http' },
      { name: ':path', value: '/' },
      { name: ':authority', value: 'www.example.com' },
    ];
    const one = encodeHeaders([], first);
    expect(hex(one.block)).toBe('828684418cf1e3c2e5f23a6ba0ab90f4ff');
    const two = encodeHeaders(one.table, [...first, { name: 'cache-control', value: 'no-cache' }]);
    expect(hex(two.block)).toBe('828684be5886a8eb10649cbf');
    expect(decodeHeaders(decodeHeaders([], one.block)?.table ?? [], two.block)?.headers.at(-1)).toEqual({ name: 'cache-control', value: 'no-cache' });
  });

  it('reads what others wrote: literals without Huffman, never indexed (C.2)', () => {
    expect(decodeHeaders([], unhex('400a637573746f6d2d6b65790d637573746f6d2d686561646572'))?.headers).toEqual([{ name: 'custom-key', value: 'custom-header' }]);
    expect(decodeHeaders([], unhex('100870617373776f726406736563726574'))?.headers).toEqual([{ name: 'password', value: 'secret' }]);
    for (const broken of ['80', 'ff', 'c0', '40ff', '4003616263', '0085ffffffffff01'].map(unhex)) expect(decodeHeaders([], broken)).toBeUndefined();
  });

  it('comes back as it was, whatever the octets', () => {
    const header = record({ name: constantFrom('a', 'x-y', 'content-type', ':path', 'authorization'), value: octets });
    assert(
      property(array(array(header, { maxLength: 6 }), { maxLength: 4 }), (blocks) => {
        let [sender, receiver] = [encodeHeaders([], []).table, encodeHeaders([], []).table];
        for (const block of blocks) {
          const sent = encodeHeaders(sender, block);
          const got = decodeHeaders(receiver, sent.block);
          expect(got?.headers).toEqual(block);
          sender = sent.table;
          receiver = got?.table ?? [];
        }
      }),
      { numRuns: 60 },
    );
    assert(
      property(octets, (text) => {
        expect(decodeHuffman(encodeHuffman(text))).toBe(text);
      }),
      { numRuns: 100 },
    );
  });
});

describe('two ends', () => {
  const open = (): { client: H2Session; server: H2Session } => {
    const [client, server] = [startH2('client'), startH2('server')];
    const heard = receiveH2(server.session, client.send);
    return { client: receiveH2(client.session, server.send + heard.send).session, server: heard.session };
  };
  const get = { headers: [{ name: ':method', value: 'GET' }], body: '', trailers: undefined };

  it('exchange messages with trailers, whatever pieces the bytes come in', () => {
    const { client, server } = open();
    const asked = sendH2(client, undefined, { ...get, body: 'question' });
    let current = server;
    const messages = [...asked.send].flatMap((one) => {
      const outcome = receiveH2(current, one);
      current = outcome.session;
      return outcome.messages;
    });
    expect(messages).toEqual([{ stream: 1, message: { ...get, body: 'question' } }]);
    const answer = { headers: [{ name: ':status', value: '200' }], body: 'answer', trailers: [{ name: 'grpc-status', value: '0' }] };
    const answered = sendH2(current, 1, answer);
    expect(receiveH2(asked.session, answered.send).messages).toEqual([{ stream: 1, message: answer }]);
    expect(answered.session.streams.size).toBe(0);
  });

  it('send no more than the windows let them, and go on when they open', () => {
    let { client, server } = open();
    const body = 'x'.repeat(200_000);
    const asked = sendH2(client, undefined, { ...get, body });
    client = asked.session;
    expect(asked.send.length).toBeLessThan(66_000);
    let [toServer, got] = [asked.send, ''];
    for (let turn = 0; turn < 20 && got === ''; turn += 1) {
      const heard = receiveH2(server, toServer);
      server = heard.session;
      got = heard.messages[0]?.message.body ?? '';
      const back = receiveH2(client, heard.send);
      client = back.session;
      toServer = back.send;
    }
    expect(got).toBe(body);
  });

  it('part over what is no HTTP/2, and forget a stream that was reset', () => {
    expect(receiveH2(startH2('server').session, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n').failed).toBe(true);
    const { client, server } = open();
    const asked = sendH2(client, undefined, { ...get, body: 'x' });
    const reset = resetH2(asked.session, 1, 8);
    const heard = receiveH2(server, asked.send + reset.send);
    expect(heard.resets).toEqual([{ stream: 1, code: 8 }]);
    expect(receiveH2(server, `${String.fromCharCode(255, 255, 255)}${'\u0000'.repeat(6)}`).failed).toBe(true);
  });
});
