/** Bodies as kubectl's typed clients send them. */
import { describe, expect, it } from 'vitest';
import { decodeProtobuf } from './protobuf.ts';

const field = (number: number, bytes: string): string => String.fromCharCode(number * 8 + 2, bytes.length) + bytes;
const int = (number: number, value: number): string => String.fromCharCode(number * 8, value);
const object = (apiVersion: string, kind: string, raw: string): string => `k8s\0${field(1, field(1, apiVersion) + field(2, kind))}${field(2, raw)}`;

describe('protobuf of the API server', () => {
  it('reads names, maps and bytes', () => {
    const raw = field(1, field(1, 'made') + field(3, 'default') + field(11, field(1, 'app') + field(2, 'web'))) + field(2, field(1, 'a') + field(2, 'b'));
    expect(decodeProtobuf(object('v1', 'Secret', raw))).toEqual({
      ok: true,
      value: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'made', namespace: 'default', labels: { app: 'web' } }, data: { a: 'Yg==' } },
    });
  });
  it('keeps a zero where Go has a pointer, and passes over what it does not know', () => {
    const spec = int(1, 0) + int(5, 0) + field(9, 'x');
    expect(decodeProtobuf(object('apps/v1', 'Deployment', field(1, field(1, 'd')) + field(2, spec)))).toEqual({
      ok: true,
      value: { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd' }, spec: { replicas: 0 } },
    });
  });
  it('refuses what is cut short or no protobuf, and leaves other kinds alone', () => {
    expect(decodeProtobuf('{}')).toMatchObject({ ok: false });
    expect(decodeProtobuf(object('v1', 'Secret', '').slice(0, -3))).toMatchObject({ ok: false });
    expect(decodeProtobuf(object('v1', 'Node', ''))).toBeUndefined();
  });
});
