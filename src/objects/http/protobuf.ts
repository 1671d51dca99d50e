/** Objects in the API server's protobuf form, as `kubectl create …` sends them. Kubernetes: apimachinery/pkg/runtime/serializer/protobuf, api/…/generated.proto; protobuf.dev/programming-guides/encoding */

/** Field numbers of a message; what is not listed is passed over. */
type Message = Readonly<Record<number, readonly [name: string, type: FieldType]>>;
type FieldType =
  | 'string'
  | 'strings'
  | 'int'
  /** A pointer in Go: 0 is a value too. */
  | 'int?'
  | 'bool'
  | 'string-map'
  | 'bytes-map'
  | 'quantity-map'
  | 'quantity'
  | 'int-or-string'
  | { readonly one: Message }
  /** Its fields belong to the message around it. */
  | { readonly inline: Message }
  | { readonly many: Message };

const objectMeta: Message = {
  1: ['name', 'string'],
  2: ['generateName', 'string'],
  3: ['namespace', 'string'],
  11: ['labels', 'string-map'],
  12: ['annotations', 'string-map'],
  13: [
    'ownerReferences',
    {
      many: {
        1: ['kind', 'string'],
        3: ['name', 'string'],
        4: ['uid', 'string'],
        5: ['apiVersion', 'string'],
        6: ['controller', 'bool'],
        7: ['blockOwnerDeletion', 'bool'],
      },
    },
  ],
  14: ['finalizers', 'strings'],
};
const metadata: Message[number] = ['metadata', { one: objectMeta }];
const labelSelector: Message = {
  1: ['matchLabels', 'string-map'],
  2: ['matchExpressions', { many: { 1: ['key', 'string'], 2: ['operator', 'string'], 3: ['values', 'strings'] } }],
};
const container: Message = {
  1: ['name', 'string'],
  2: ['image', 'string'],
  3: ['command', 'strings'],
  4: ['args', 'strings'],
  5: ['workingDir', 'string'],
  6: ['ports', { many: { 1: ['name', 'string'], 2: ['hostPort', 'int'], 3: ['containerPort', 'int'], 4: ['protocol', 'string'], 5: ['hostIP', 'string'] } }],
  7: ['env', { many: { 1: ['name', 'string'], 2: ['value', 'string'] } }],
  8: ['resources', { one: { 1: ['limits', 'quantity-map'], 2: ['requests', 'quantity-map'] } }],
  14: ['imagePullPolicy', 'string'],
};
const podTemplate: Message = {
  1: metadata,
  2: [
    'spec',
    {
      one: {
        2: ['containers', { many: container }],
        3: ['restartPolicy', 'string'],
        6: ['dnsPolicy', 'string'],
        7: ['nodeSelector', 'string-map'],
        8: ['serviceAccountName', 'string'],
      },
    },
  ],
};
const jobSpec: Message = {
  1: ['parallelism', 'int?'],
  2: ['completions', 'int?'],
  3: ['activeDeadlineSeconds', 'int?'],
  4: ['selector', { one: labelSelector }],
  6: ['template', { one: podTemplate }],
  7: ['backoffLimit', 'int?'],
};
const backend: Message = { 4: ['service', { one: { 1: ['name', 'string'], 2: ['port', { one: { 1: ['name', 'string'], 2: ['number', 'int'] } }] } }] };
const rules: Message[number] = [
  'rules',
  {
    many: {
      1: ['verbs', 'strings'],
      2: ['apiGroups', 'strings'],
      3: ['resources', 'strings'],
      4: ['resourceNames', 'strings'],
      5: ['nonResourceURLs', 'strings'],
    },
  },
];
const binding: Message = {
  1: metadata,
  2: ['subjects', { many: { 1: ['kind', 'string'], 2: ['apiGroup', 'string'], 3: ['name', 'string'], 4: ['namespace', 'string'] } }],
  3: ['roleRef', { one: { 1: ['apiGroup', 'string'], 2: ['kind', 'string'], 3: ['name', 'string'] } }],
};

/** By kind: what kubectl's generators fill in. */
const kinds: Readonly<Record<string, Message>> = {
  Namespace: { 1: metadata },
  ServiceAccount: { 1: metadata },
  Eviction: { 1: metadata },
  DeleteOptions: { 1: ['gracePeriodSeconds', 'int?'], 4: ['propagationPolicy', 'string'], 5: ['dryRun', 'strings'] },
  HorizontalPodAutoscaler: {
    1: metadata,
    2: [
      'spec',
      {
        one: {
          1: ['scaleTargetRef', { one: { 1: ['kind', 'string'], 2: ['name', 'string'], 3: ['apiVersion', 'string'] } }],
          2: ['minReplicas', 'int?'],
          3: ['maxReplicas', 'int'],
          4: [
            'metrics',
            {
              many: {
                1: ['type', 'string'],
                4: [
                  'resource',
                  {
                    one: {
                      1: ['name', 'string'],
                      2: [
                        'target',
                        { one: { 1: ['type', 'string'], 2: ['value', 'quantity'], 3: ['averageValue', 'quantity'], 4: ['averageUtilization', 'int?'] } },
                      ],
                    },
                  },
                ],
              },
            },
          ],
        },
      },
    ],
  },
  ConfigMap: { 1: metadata, 2: ['data', 'string-map'], 3: ['binaryData', 'bytes-map'] },
  Secret: { 1: metadata, 2: ['data', 'bytes-map'], 3: ['type', 'string'] },
  Deployment: {
    1: metadata,
    2: [
      'spec',
      {
        one: {
          1: ['replicas', 'int?'],
          2: ['selector', { one: labelSelector }],
          3: ['template', { one: podTemplate }],
          4: ['strategy', { one: { 1: ['type', 'string'] } }],
          5: ['minReadySeconds', 'int'],
        },
      },
    ],
  },
  Job: { 1: metadata, 2: ['spec', { one: jobSpec }] },
  CronJob: {
    1: metadata,
    2: [
      'spec',
      {
        one: {
          1: ['schedule', 'string'],
          3: ['concurrencyPolicy', 'string'],
          4: ['suspend', 'bool'],
          5: ['jobTemplate', { one: { 1: metadata, 2: ['spec', { one: jobSpec }] } }],
        },
      },
    ],
  },
  Service: {
    1: metadata,
    2: [
      'spec',
      {
        one: {
          1: [
            'ports',
            { many: { 1: ['name', 'string'], 2: ['protocol', 'string'], 3: ['port', 'int'], 4: ['targetPort', 'int-or-string'], 5: ['nodePort', 'int'] } },
          ],
          2: ['selector', 'string-map'],
          3: ['clusterIP', 'string'],
          4: ['type', 'string'],
          5: ['externalIPs', 'strings'],
          7: ['sessionAffinity', 'string'],
          8: ['loadBalancerIP', 'string'],
          10: ['externalName', 'string'],
        },
      },
    ],
  },
  Ingress: {
    1: metadata,
    2: [
      'spec',
      {
        one: {
          1: ['defaultBackend', { one: backend }],
          2: ['tls', { many: { 1: ['hosts', 'strings'], 2: ['secretName', 'string'] } }],
          3: [
            'rules',
            {
              many: {
                1: ['host', 'string'],
                2: [
                  '',
                  {
                    inline: {
                      1: ['http', { one: { 1: ['paths', { many: { 1: ['path', 'string'], 2: ['backend', { one: backend }], 3: ['pathType', 'string'] } }] } }],
                    },
                  },
                ],
              },
            },
          ],
          4: ['ingressClassName', 'string'],
        },
      },
    ],
  },
  Role: { 1: metadata, 2: rules },
  ClusterRole: { 1: metadata, 2: rules, 3: ['aggregationRule', { one: { 1: ['clusterRoleSelectors', { many: labelSelector }] } }] },
  RoleBinding: binding,
  ClusterRoleBinding: binding,
  PodDisruptionBudget: {
    1: metadata,
    2: ['spec', { one: { 1: ['minAvailable', 'int-or-string'], 2: ['selector', { one: labelSelector }], 3: ['maxUnavailable', 'int-or-string'] } }],
  },
  PriorityClass: { 1: metadata, 2: ['value', 'int?'], 3: ['globalDefault', 'bool'], 4: ['description', 'string'], 5: ['preemptionPolicy', 'string'] },
  ResourceQuota: { 1: metadata, 2: ['spec', { one: { 1: ['hard', 'quantity-map'], 2: ['scopes', 'strings'] } }] },
};

class Malformed extends Error {}
const MAX_DEPTH = 20;

interface Piece {
  readonly field: number;
  /** Of varints. */
  readonly value: number;
  /** Of everything with a length; a character a byte. */
  readonly bytes: string;
}

/** Length-delimited fields and varints; the other wire types are passed over. */
function pieces(data: string): readonly Piece[] {
  const found: Piece[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= data.length) throw new Malformed('unexpected EOF');
      const byte = data.charCodeAt(at);
      at += 1;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw new Malformed('integer overflow');
  };
  while (at < data.length) {
    const tag = varint();
    const field = Math.floor(tag / 8);
    const wire = tag % 8;
    if (wire === 0) found.push({ field, value: varint(), bytes: '' });
    else if (wire === 2) {
      const length = varint();
      if (at + length > data.length) throw new Malformed('unexpected EOF');
      found.push({ field, value: 0, bytes: data.slice(at, at + length) });
      at += length;
    } else if (wire === 1 || wire === 5) at += wire === 1 ? 8 : 4;
    else throw new Malformed('illegal wireType');
  }
  return found;
}

function utf8(bytes: string): string {
  try {
    return decodeURIComponent([...bytes].map((byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`).join(''));
  } catch {
    throw new Malformed('invalid UTF-8');
  }
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
function base64(bytes: string): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const group = (bytes.charCodeAt(at) << 16) | ((bytes.charCodeAt(at + 1) || 0) << 8) | (bytes.charCodeAt(at + 2) || 0);
    for (let digit = 0; digit < 4; digit += 1) text += at + digit > bytes.length ? '=' : DIGITS[(group >> (18 - 6 * digit)) & 63];
  }
  return text;
}

/** int32 and int64 are sent as 64-bit two's complement. */
const signed = (value: number): number => (value >= 2 ** 63 ? value - 2 ** 64 : value);

function pair(bytes: string, read: (value: string) => string): readonly [string, string] {
  const parts = pieces(bytes);
  return [utf8(parts.find(({ field }) => field === 1)?.bytes ?? ''), read(parts.find(({ field }) => field === 2)?.bytes ?? '')];
}

const quantity = (bytes: string): string => utf8(pieces(bytes).find(({ field }) => field === 1)?.bytes ?? '');

function decode(data: string, message: Message, depth: number): Record<string, unknown> {
  if (depth > MAX_DEPTH) throw new Malformed('nested too deeply');
  const entries = new Map<string, unknown>();
  const append = (name: string, value: unknown): void => {
    entries.set(name, [...((entries.get(name) as readonly unknown[] | undefined) ?? []), value]);
  };
  const put = (name: string, bytes: string, read: (value: string) => string): void => {
    const [key, value] = pair(bytes, read);
    entries.set(name, { ...(entries.get(name) as object | undefined), ...Object.fromEntries([[key, value]]) });
  };
  for (const { field, value, bytes } of pieces(data)) {
    const known = Object.hasOwn(message, field) ? message[field] : undefined;
    if (known === undefined) continue;
    const [name, type] = known;
    if (typeof type === 'object') {
      if ('many' in type) append(name, decode(bytes, type.many, depth + 1));
      else if ('one' in type) entries.set(name, decode(bytes, type.one, depth + 1));
      else for (const [key, inner] of Object.entries(decode(bytes, type.inline, depth + 1))) entries.set(key, inner);
      continue;
    }
    switch (type) {
      case 'string':
        if (bytes !== '') entries.set(name, utf8(bytes));
        break;
      case 'strings':
        append(name, utf8(bytes));
        break;
      case 'int':
        if (value !== 0) entries.set(name, signed(value));
        break;
      case 'int?':
        entries.set(name, signed(value));
        break;
      case 'bool':
        if (value !== 0) entries.set(name, true);
        break;
      case 'string-map':
        put(name, bytes, utf8);
        break;
      case 'bytes-map':
        put(name, bytes, base64);
        break;
      case 'quantity-map':
        put(name, bytes, quantity);
        break;
      case 'quantity':
        entries.set(name, quantity(bytes));
        break;
      case 'int-or-string': {
        const parts = pieces(bytes);
        const isText = parts.find((one) => one.field === 1)?.value === 1;
        entries.set(name, isText ? utf8(parts.find((one) => one.field === 3)?.bytes ?? '') : signed(parts.find((one) => one.field === 2)?.value ?? 0));
        break;
      }
    }
  }
  return Object.fromEntries(entries);
}

/** `k8s\0`, then runtime.Unknown with the object inside. `body` is a character a byte. Undefined for kinds not listed here. */
export function decodeProtobuf(body: string): { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly message: string } | undefined {
  if (!body.startsWith('k8s\0')) return { ok: false, message: 'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]' };
  try {
    const outer = pieces(body.slice(4));
    const about = pieces(outer.find(({ field }) => field === 1)?.bytes ?? '');
    const kind = utf8(about.find(({ field }) => field === 2)?.bytes ?? '');
    const message = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
    if (message === undefined) return undefined;
    const apiVersion = utf8(about.find(({ field }) => field === 1)?.bytes ?? '');
    return { ok: true, value: { apiVersion, kind, ...decode(outer.find(({ field }) => field === 2)?.bytes ?? '', message, 0) } };
  } catch (error) {
    if (error instanceof Malformed) return { ok: false, message: `proto: ${error.message}` };
    throw error;
  }
}
