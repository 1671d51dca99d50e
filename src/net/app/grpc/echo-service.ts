/** The service of the Gateway API's conformance image. sigs.k8s.io/gateway-api: conformance/echo-basic/grpcecho.proto. */
import { bytesToText, textToBytes } from '../../wire/binary-text.ts';
import { decodeUtf8, encodeUtf8 } from '../../wire/utf8.ts';
import type { HttpHeader } from '../http-message.ts';
import { protoField, readProto } from './message.ts';

export const ECHO_SERVICE = 'gateway_api_conformance.echo_basic.grpcecho.GrpcEcho';
export const ECHO_METHODS: readonly string[] = ['Echo', 'EchoTwo', 'EchoThree'];

const string = (field: number, value: string): string => protoField(field, bytesToText(encodeUtf8(value)));
const textOf = (octets: string): string => decodeUtf8(textToBytes(octets) ?? new Uint8Array()) ?? octets;

export interface EchoFacts {
  readonly method: string;
  readonly headers: readonly HttpHeader[];
  readonly authority: string;
  readonly namespace: string;
  readonly service: string;
  readonly pod: string;
}

export function encodeEcho({ method, headers, authority, namespace, service, pod }: EchoFacts): string {
  const pairs = headers.map(({ name, value }) => protoField(2, string(1, name) + string(2, value))).join('');
  const context = string(1, namespace) + string(3, service) + string(4, pod);
  return protoField(1, string(1, `/${ECHO_SERVICE}/${method}`) + pairs + string(3, authority) + protoField(4, context));
}

/** As grpcurl prints it: JSON names, and nothing of what is empty. */
export function echoJson(octets: string): object | undefined {
  const whole = readProto(octets);
  if (whole === undefined) return undefined;
  const named = (text: string, names: Readonly<Record<number, string>>): Record<string, string> =>
    Object.fromEntries((readProto(text) ?? []).flatMap(({ field, octets: value }) => (names[field] === undefined ? [] : [[names[field], textOf(value)]])));
  const assertions = whole.find(({ field }) => field === 1)?.octets;
  if (assertions === undefined) return {};
  const fields = readProto(assertions) ?? [];
  const one = (field: number): string | undefined => fields.find((other) => other.field === field)?.octets;
  const [method, authority, context] = [one(1), one(3), one(4)];
  const headers = fields.filter(({ field }) => field === 2).map((header) => named(header.octets, { 1: 'key', 2: 'value' }));
  return {
    assertions: {
      ...(method === undefined ? {} : { fullyQualifiedMethod: textOf(method) }),
      ...(headers.length === 0 ? {} : { headers }),
      ...(authority === undefined ? {} : { authority: textOf(authority) }),
      ...(context === undefined ? {} : { context: named(context, { 1: 'namespace', 2: 'ingress', 3: 'serviceName', 4: 'pod' }) }),
    },
  };
}
