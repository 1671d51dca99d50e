import fc from 'fast-check';
import { deflateSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { cpuMs } from '../../base/testing/cpu.ts';
import type { WorldDocument } from '../../world/document.ts';
import { checkDocument, foldEdits } from './check-document.ts';
import { crc32 } from './crc32.ts';
import { fromBase64Url, pack, toBase64Url, unpack } from './share-bytes.ts';
import { decodeShare, encodeShare, MAX_LINK_LENGTH } from './share-link.ts';

const app = (name: string, image: string, port: number, replicas: number) => `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
spec:
  replicas: ${replicas}
  selector:
    matchLabels:
      app: ${name}
  template:
    metadata:
      labels:
        app: ${name}
    spec:
      containers:
        - name: ${name}
          image: ${image}
          ports:
            - containerPort: ${port}
---
apiVersion: v1
kind: Service
metadata:
  name: ${name}
spec:
  selector:
    app: ${name}
  ports:
    - port: 80
      targetPort: ${port}
`;
const base = [
  { path: 'cluster.yaml', text: 'kind: Node\n'.repeat(300) },
  { path: 'flannel.yaml', text: 'kind: ConfigMap\n'.repeat(200) },
];
const fiveApps: WorldDocument = {
  version: 1,
  seed: 7,
  title: 'five apps',
  files: [
    ...base,
    {
      path: 'apps.yaml',
      text: [
        app('frontend', 'nginx', 80, 3),
        app('api', 'hashicorp/http-echo', 5678, 2),
        app('orders', 'traefik/whoami', 8080, 4),
        app('cache', 'redis', 6379, 1),
        app('db', 'postgres:16', 5432, 1),
      ].join('---\n'),
    },
  ],
  inputs: [{ kind: 'command', timeNs: 1000, session: 'main', line: 'kubectl exec client -- curl -s frontend' }],
  positions: { 'node01/netns/root': [12, -4] },
};

describe('a share link', () => {
  it('carries the whole document and the moment, and gives the same back', () => {
    const moment = { seq: 41, lens: 'services', selection: { kind: 'object', key: 'Service/default/frontend' } } as const;
    const link = encodeShare(fiveApps, moment, base);
    expect(decodeShare(link, base)).toEqual({ kind: 'document', document: fiveApps, moment });
    expect(encodeShare(fiveApps, moment, base)).toBe(link);
  });

  it('carries by what pods stand together and which layers are hidden; what of it cannot be read is as usual', () => {
    const base: WorldDocument = { version: 1, seed: 1, files: [{ path: 'a.yaml', text: 'a: 1' }], inputs: [], positions: {} };
    const view = { grouping: { by: 'label' as const, key: 'app', folded: ['web'] }, hiddenLayers: ['l2'] };
    const decoded = decodeShare(encodeShare({ ...base, view }));
    expect(decoded.kind === 'document' ? decoded.document.view : undefined).toEqual(view);
    const garbage = checkDocument({ ...base, view: { grouping: { by: 'colour', key: 7, folded: 'all' }, hiddenLayers: ['l9'], __proto__: { x: 1 } } });
    expect(garbage.ok && garbage.value.view).toBeUndefined();
    const folded = checkDocument({ ...base, view: { grouping: { by: 'node', key: '', folded: ['node01', 9] } } });
    expect(folded.ok && folded.value.view).toEqual({ grouping: { by: 'node', key: '', folded: ['node01'] } });
  });

  it('stays under 600 characters for five apps', () => {
    expect(encodeShare(fiveApps, { seq: 41 }, base).length).toBeLessThan(600);
  });

  it('survives any text in files and titles', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme', maxLength: 300 }), { maxLength: 5 }),
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
        (texts, title) => {
          const document: WorldDocument = {
            version: 1,
            seed: 1,
            title,
            files: texts.map((text, index) => ({ path: `f${index}.yaml`, text })),
            inputs: [],
            positions: {},
          };
          expect(decodeShare(encodeShare(document, {}, base), base)).toEqual({ kind: 'document', document, moment: {} });
        },
      ),
      { numRuns: 60 },
    );
  });

  it('says that it is damaged when it was cut at any place or a letter was changed, and never opens a default', () => {
    const link = encodeShare(fiveApps, {}, base);
    for (let length = 3; length < link.length; length += 1) expect(decodeShare(link.slice(0, length), base).kind, `cut at ${length}`).toBe('broken');
    for (let at = 5; at < link.length; at += 3) {
      const changed = link.slice(0, at) + (link[at] === 'A' ? 'B' : 'A') + link.slice(at + 1);
      const target = decodeShare(changed, base);
      if (target.kind === 'document') expect(target.document).toEqual(fiveApps);
      else expect(target.kind, `changed at ${at}`).toBe('broken');
    }
  });

  it('never throws and never pollutes a prototype, whatever the fragment is', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), fc.constantFrom('#', '#w=1.', '#w=', '#x=', '#u=', ''), (text, prefix) => {
        expect(['none', 'document', 'example', 'url', 'broken']).toContain(decodeShare(prefix + text, base).kind);
      }),
      { numRuns: 300 },
    );
    const evil = `#w=1.${toBase64Url(pack('{"s":1,"f":[["a.yaml",1]],"p":{"__proto__":[1,2]}}\nx'))}`;
    expect(decodeShare(evil, base).kind).toBe('broken');
    expect(({} as Record<string, unknown>)[0]).toBeUndefined();
  });

  it('stops inflating a bomb at the cap, fast', () => {
    const zeros = deflateSync(new Uint8Array(20 * 1024 * 1024), { level: 9 });
    const packed = new Uint8Array(zeros.length + 4);
    packed.set(zeros);
    const took = cpuMs(() => expect(unpack(packed, 256 * 1024)).toEqual({ problem: 'too large' }));
    expect(took).toBeLessThan(400);
    expect(decodeShare(`#w=1.${'A'.repeat(MAX_LINK_LENGTH)}`, base).kind).toBe('broken');
  });

  it('names a built-in world, a lesson of it, or an https address that is not loaded by itself', () => {
    expect(decodeShare('#x=article')).toEqual({ kind: 'example', name: 'article' });
    expect(decodeShare('#x=article&lesson=way&step=4')).toEqual({ kind: 'example', name: 'article', lesson: 'way', step: 4 });
    expect(decodeShare('#u=https://example.org/w.yaml')).toEqual({ kind: 'url', url: 'https://example.org/w.yaml' });
    expect(decodeShare('#u=javascript:alert(1)').kind).toBe('broken');
    expect(decodeShare('#u=http://example.org/').kind).toBe('broken');
    expect(decodeShare('')).toEqual({ kind: 'none' });
  });

  it('of a newer version says so', () => {
    // There never was a version 0.
    expect(decodeShare('#w=0.AAAA', base)).toMatchObject({ kind: 'broken', message: expect.stringMatching(/damaged/) });
    const target = decodeShare('#w=2.AAAA', base);
    expect(target.kind === 'broken' && target.message).toMatch(/newer version/);
  });

  it('says which built-in file has changed since, instead of showing another one', () => {
    const link = encodeShare(fiveApps, {}, base);
    const target = decodeShare(link, [{ path: 'cluster.yaml', text: 'kind: Node' }, base[1] as { path: string; text: string }]);
    expect(target.kind === 'broken' && target.message).toMatch(/cluster\.yaml/);
  });
});

describe('the bytes of a link', () => {
  it('pass through base64url unchanged', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(fromBase64Url(toBase64Url(bytes))).toEqual(bytes);
      }),
    );
  });

  it('have the CRC-32 that everybody computes', () => {
    expect(crc32(new TextEncoder().encode('123456789')).toString(16)).toBe('cbf43926');
  });
});

describe('a document at the door', () => {
  it('is refused with the reason when a field is not what it should be', () => {
    const bad = (change: object) => {
      const checked = checkDocument({ ...fiveApps, ...change });
      return checked.ok ? 'accepted' : checked.problem;
    };
    expect(bad({})).toBe('accepted');
    expect(bad({ version: 2 })).toMatch(/newer version/);
    expect(bad({ files: [{ path: '../x', text: '' }] })).toMatch(/bad name/);
    expect(bad({ files: [{ path: '__proto__', text: '' }] })).toMatch(/bad name/);
    expect(bad({ files: [fiveApps.files[0], fiveApps.files[0]] })).toMatch(/same name/);
    expect(bad({ inputs: [{ kind: 'command', timeNs: -1, session: 'main', line: '' }] })).toMatch(/inputs/);
    expect(bad({ positions: { a: [1, Number.NaN] } })).toMatch(/positions/);
  });

  it('folds edits into files and keeps the commands', () => {
    const folded = foldEdits({
      ...fiveApps,
      inputs: [
        { kind: 'edit', timeNs: 1, path: 'apps.yaml', text: 'a' },
        { kind: 'command', timeNs: 2, session: 'main', line: 'hostname' },
        { kind: 'edit', timeNs: 3, path: 'apps.yaml', text: 'b' },
        { kind: 'edit', timeNs: 4, path: 'flannel.yaml', text: null },
      ],
    });
    expect(folded.files.map((file) => [file.path, file.text.slice(0, 4)])).toEqual([
      ['cluster.yaml', 'kind'],
      ['apps.yaml', 'b'],
    ]);
    expect(folded.inputs).toEqual([{ kind: 'command', timeNs: 2, session: 'main', line: 'hostname' }]);
  });
});
