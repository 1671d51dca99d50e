/** The editor's language service on a running world: what it offers, where it leads, what it mends. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseYaml } from '../../base/yaml/index.ts';
import { openArticle } from '../testing/article.ts';
import { formatText } from './format-text.ts';
import { createLanguage } from './language.ts';
import { nearWords } from './near.ts';
import type { TextEdit } from './requests.ts';

const world = openArticle();
const language = createLanguage();
const textOf = (path: string) => world.languageSource.files.find((file) => file.path === path)?.text ?? '';
/** `|` marks the cursor. */
const cut = (marked: string) => [marked.replace('|', ''), marked.indexOf('|')] as const;
const at = (path: string, marked: string) => [path, ...cut(marked)] as const;
const completions = (marked: string) => language.yamlComplete(world.languageSource, ...at('new.yaml', marked)).map((item) => item.label);
const placed = (
  spans: readonly { readonly file: string; readonly startOffset: number; readonly endOffset: number }[],
  texts: Readonly<Record<string, string>> = {},
) => spans.map((span) => `${span.file}: ${(texts[span.file] ?? textOf(span.file)).slice(span.startOffset, span.endOffset)}`);
const edited = (text: string, edits: readonly TextEdit[], file = 'web.yaml') =>
  edits
    .filter((edit) => edit.file === file)
    .sort((a, b) => b.startOffset - a.startOffset)
    .reduce((before, edit) => before.slice(0, edit.startOffset) + edit.text + before.slice(edit.endOffset), text);

const web = textOf('web.yaml');
const mark = (text: string, before: string, within = 1) => {
  const index = text.indexOf(before) + before.length - within;
  return `${text.slice(0, index)}|${text.slice(index)}`;
};
const service = (spec: string) => `apiVersion: v1\nkind: Service\nmetadata:\n  name: web-service\nspec:\n${spec}`;

/** With a text in place of a file, then the texts as they were. */
function withText<T>(path: string, text: string | null, look: () => T): T {
  const before = world.languageSource.files.find((file) => file.path === path)?.text ?? null;
  world.edit(path, text);
  const result = look();
  world.edit(path, before);
  return result;
}
const fixesOf = (text: string, part: string, path = 'web.yaml') =>
  withText(path, text, () => {
    const start = text.indexOf(part);
    return language
      .yamlFixes(world.languageSource, path, text, start, start + part.length)
      .map((fix) => ({ title: fix.title, text: edited(text, fix.edits, path), preferred: fix.preferred }));
  });

describe('completion', () => {
  it('offers labels that pods of the namespace have, and how many', () => {
    expect(completions(service('  selector:\n    |'))).toEqual(expect.arrayContaining(['app']));
    expect(completions(service('  selector:\n    app: |'))).toEqual(expect.arrayContaining(['web', 'client']));
    expect(completions('apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  namespace: kube-system\nspec:\n  selector:\n    k8s-app: |')).toEqual(
      expect.arrayContaining(['kube-dns']),
    );
  });

  it('offers the ports of the pods a Service selects, of the Services a backend names, and images', () => {
    expect(completions(service('  ports:\n  - port: 80\n    targetPort: |'))).toContain('80');
    const backend =
      'apiVersion: networking.k8s.io/v1\nkind: Ingress\nspec:\n  rules:\n  - http:\n      paths:\n      - backend:\n          service:\n            ';
    expect(completions(`${backend}name: |`)).toContain('web-service');
    expect(completions(`${backend}port:\n              number: |`)).toContain('80');
    expect(completions('apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: ng|')).toContain('nginx');
  });

  it('starts whole objects that the API server takes', () => {
    const items = language.yamlComplete(world.languageSource, 'new.yaml', '', 0).filter((item) => item.snippet === true);
    expect(items.length).toBeGreaterThan(30);
    for (const kind of [
      'Pod',
      'Deployment',
      'StatefulSet',
      'DaemonSet',
      'Service',
      'Ingress',
      'NetworkPolicy',
      'Job',
      'CronJob',
      'Gateway',
      'HTTPRoute',
      'PersistentVolumeClaim',
    ]) {
      const snippet = items.find((item) => item.label === kind)?.insertText ?? '';
      const text = snippet.replace(/\$\{\d+(?::([^}]*))?\}/g, (_, word: string | undefined) => word ?? 'x').replace('name: web\n', 'name: a-new-one\n');
      const { documents, diagnostics } = parseYaml('new.yaml', text);
      expect(diagnostics, kind).toEqual([]);
      const result = world.api.create(documents[0]?.value as never, { dryRun: true });
      expect(result.ok ? '' : `${kind}: ${result.message}`).toBe('');
    }
  });
});

describe('navigation', () => {
  it('leads from a selector to the pods it fits, and from a name to its object', () => {
    const other = `${service('  selector:\n    app: web')}\n---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: i\nspec:\n  defaultBackend:\n    service:\n      name: web-service\n      port:\n        number: 80\n`;
    expect(placed(language.yamlDefinition(world.languageSource, ...at('other.yaml', mark(other, 'app: web'))))).toEqual(['web.yaml: web']);
    expect(
      placed(language.yamlDefinition(world.languageSource, ...at('other.yaml', mark(other, '      name: web-service'))), { 'other.yaml': other }),
    ).toContain('web.yaml: web-service');
    expect(placed(language.yamlDefinition(world.languageSource, ...at('other.yaml', mark(other, 'number: 80'))))).toContain('web.yaml: 80');
  });

  it('renames a label wherever it is meant, in other files too, and nothing else', () => {
    const policy = 'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: web\nspec:\n  podSelector:\n    matchLabels: {app: web}\n';
    withText('policy.yaml', policy, () => {
      const renaming = language.yamlRename(world.languageSource, ...at('web.yaml', mark(web, 'app: web')), 'shop');
      expect(renaming?.what).toBe('label app=web');
      expect(edited(policy, renaming?.edits ?? [], 'policy.yaml')).toBe(policy.replace('app: web}', 'app: shop}'));
      expect(edited(web, renaming?.edits ?? [])).toBe(web.replaceAll('app: web', 'app: shop'));
      expect(language.yamlRename(world.languageSource, ...at('web.yaml', mark(web, 'app: web')), 'no good')?.problem).toContain('a valid label must be');
    });
  });

  it('quotes a new name that YAML would read as something else, and renames no numbers', () => {
    const renaming = language.yamlRename(world.languageSource, ...at('web.yaml', mark(web, 'app: web')), 'on');
    expect(renaming?.edits.every((edit) => edit.text === '"on"')).toBe(true);
    expect(language.yamlRename(world.languageSource, ...at('web.yaml', mark(web, 'port: 80')), '81')).toBeNull();
  });

  it('lists what a file has, the items of a List too', () => {
    const list =
      'apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata:\n    name: a\n- apiVersion: v1\n  kind: Namespace\n  metadata: {name: b}\n';
    expect(
      language
        .yamlOutline(world.languageSource, 'list.yaml', list)
        .map((entry) => `${entry.kind} ${entry.namespace}/${entry.name} ${entry.nameSpan.startLine}`),
    ).toEqual(['ConfigMap default/a 7', 'Namespace /b 10']);
  });
});

describe('hover', () => {
  it('says what a selector fits at this moment', () => {
    const view = language.yamlHover(world.languageSource, ...at('other.yaml', mark(service('  selector:\n    app: web'), 'app: web')));
    expect(view?.paragraphs.at(-1)).toMatch(/^The whole selector fits 3 pods: web-/);
  });
});

describe('what the API server does not say', () => {
  it('names selectors that fit nothing, ports nobody has, and objects that are not there', () => {
    const text = `${service('  selector:\n    app: wep\n  ports:\n  - port: 80').replace('web-service', 'a')}\n---\n${service('  selector:\n    app: web\n  ports:\n  - port: 80\n    targetPort: http').replace('web-service', 'b')}\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n  containers:\n  - name: c\n    image: nginx\n    envFrom:\n    - configMapRef: {name: conf}\n    - configMapRef: {name: maybe, optional: true}\n`;
    const found = withText('lint.yaml', text, () => language.yamlLint(world.languageSource));
    expect(found.filter((one) => one.span?.file === 'lint.yaml').map((one) => `${one.span?.startLine} ${one.message}`)).toEqual([
      '31 there is no ConfigMap "conf" in namespace "default"',
      '7 no pod in namespace "default" has app=wep: the Service has no endpoints',
      '20 no selected pod names a port "http"; they have 80',
    ]);
    expect(language.yamlLint(world.languageSource)).toEqual([]);
  });
});

describe('quick fixes', () => {
  it('know the field, the kind, the version and the value that was meant', () => {
    expect(fixesOf(web.replace('  replicas: 3', '  replicaz: 3'), 'replicaz')[0]).toMatchObject({ title: 'Change to replicas', text: web });
    expect(fixesOf(web.replace('kind: Deployment', 'kind: Deploymnet'), 'Deploymnet')[0]).toMatchObject({ title: 'Change to Deployment', text: web });
    expect(fixesOf(web.replace('apps/v1', 'extensions/v1beta1'), 'kind: Deployment')[0]).toMatchObject({ title: 'Use apiVersion apps/v1', text: web });
    expect(fixesOf(web.replace('apiVersion: apps/v1\n', ''), 'kind: Deployment')[0]).toMatchObject({ title: 'Add apiVersion: apps/v1' });
    const typed = `${service('  type: NodeProt\n  ports:\n  - port: 80').replace('web-service', 'a')}\n`;
    expect(fixesOf(typed, 'NodeProt', 'a.yaml')[0]).toMatchObject({ title: 'Change to NodePort', text: typed.replace('NodeProt', 'NodePort') });
  });

  it('add what is missing at its place, and make selector and template agree', () => {
    const pod = 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n  containers:\n  - name: c   # main\n  restartPolicy: Never\n';
    expect(fixesOf(pod, 'containers:\n  - name: c', 'p.yaml')[0]).toMatchObject({
      title: 'Add image: nginx',
      text: pod.replace('# main\n', '# main\n    image: nginx\n'),
    });
    const apart =
      'apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: d\nspec:\n  selector:\n    matchLabels:\n      app: a\n  template:\n    metadata:\n      labels:\n        app: b\n    spec:\n      containers:\n      - name: c\n        image: nginx\n';
    expect(fixesOf(apart, 'app: b', 'd.yaml').map((fix) => fix.text)).toEqual([apart.replace('app: b', 'app: a'), apart.replace('app: a', 'app: b')]);
  });

  it('turn an Ingress of a removed version into one of today', () => {
    const old =
      'apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata:\n  name: i\nspec:\n  rules:\n  - host: a.example\n    http:\n      paths:\n      - path: /\n        backend:\n          serviceName: web-service\n          servicePort: 80\n      - path: /b\n        backend:\n          serviceName: web-service\n          servicePort: http\n';
    const fixed = fixesOf(old, 'kind: Ingress', 'i.yaml')[0]?.text ?? '';
    const { documents, diagnostics } = parseYaml('i.yaml', fixed);
    expect(diagnostics).toEqual([]);
    expect(fixed).toContain('service:\n            name: web-service\n            port:\n              number: 80\n        pathType: ImplementationSpecific\n');
    const result = world.api.create(documents[0]?.value as never, { dryRun: true });
    expect(result.ok ? '' : result.message).toBe('');
  });

  it('are silent for a text that the world has not seen', () => {
    expect(language.yamlFixes(world.languageSource, 'web.yaml', `${web}\n`, 0, web.length)).toEqual([]);
  });
});

describe('formatting', () => {
  it('indents by two and leaves comments, quotes, order and block texts alone', () => {
    const text =
      '# top\nspec:\n      ports:   # the ports\n          -   port:   80\n              name: "a"  # http\n      # below\n      selector: {app: web,\n        tier: x}\n      list:\n      - - 1\n        - 2\ndata:\n    conf: |\n        a:\n          b   \n    last: x   \n\n\n\n';
    expect(formatText('a.yaml', text)).toBe(
      '# top\nspec:\n  ports:   # the ports\n    - port: 80\n      name: "a"  # http\n  # below\n  selector: {app: web,\n    tier: x}\n  list:\n  - - 1\n    - 2\ndata:\n  conf: |\n    a:\n      b   \n  last: x\n',
    );
  });

  it('never changes what a text says, and a second pass changes nothing', () => {
    const line = fc.constantFrom(
      'a:',
      'b: 1',
      '- c: x',
      '- d',
      'e: |',
      'f: >-',
      '"q r": \'s: t\'',
      'g: [1,',
      '2]',
      '# note',
      '',
      'h: "x',
      'y"',
      '---',
      'k: {a: 1}',
      '- - z',
      'plain text',
    );
    const text = fc
      .array(fc.tuple(fc.integer({ min: 0, max: 6 }), line), { maxLength: 14 })
      .map((lines) => lines.map(([indent, words]) => ' '.repeat(indent) + words).join('\n'));
    fc.assert(
      fc.property(text, (one) => {
        const formatted = formatText('a.yaml', one);
        if (formatted === null) return;
        const values = (words: string) => parseYaml('a.yaml', words).documents.map((document) => document.value);
        expect(values(formatted)).toEqual(values(one));
        expect(formatText('a.yaml', formatted) ?? formatted).toBe(formatted);
      }),
      { numRuns: 400 },
    );
  });
});

describe('import', () => {
  it('keeps names and addresses of a dump, and says what it leaves out and why', () => {
    const meta = (name: string, more = '') =>
      `  metadata:\n    name: ${name}\n    namespace: shop\n    uid: 1-2\n    resourceVersion: "5"\n    creationTimestamp: "2026-01-01T00:00:00Z"\n${more}`;
    const dump = `apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n${meta('web', '    annotations:\n      kubectl.kubernetes.io/last-applied-configuration: "{}"\n')}  spec:\n    clusterIP: 10.96.7.7\n    selector: {app: web}\n    ports: [{port: 80}]\n  status: {loadBalancer: {}}\n- apiVersion: v1\n  kind: Pod\n${meta('web-1', '    ownerReferences: [{kind: ReplicaSet, name: web, controller: true}]\n')}- apiVersion: v1\n  kind: Event\n${meta('e')}- apiVersion: x.example/v1\n  kind: Odd\n${meta('o')}`;
    const plan = language.yamlImport(world.languageSource, [{ path: 'dump.yaml', text: dump }], ['shop.yaml']);
    expect(plan.objects).toBe(1);
    expect(plan.files.map((file) => file.path)).toEqual(['shop-2.yaml']);
    expect(plan.files[0]?.text).toBe(
      'apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  clusterIP: 10.96.7.7\n  ports:\n  - port: 80\n  selector:\n    app: web\n',
    );
    expect(plan.notes).toEqual([
      'Names, cluster IPs, node ports, pod CIDRs and the nodes’ addresses are kept as they were.',
      'Left out: 1 of kind Pod that a ReplicaSet makes again (under new names and addresses).',
      'Left out: 1 of kind Event: the cluster reports them by itself.',
      'Left out: 1 of kind Odd (x.example/v1): nothing here knows it.',
    ]);
  });

  it('leaves a manifest as its author wrote it, under a name that is safe and free', () => {
    const plan = language.yamlImport(world.languageSource, [{ path: '../my app/web.yml', text: '# mine\nkind: Pod\n' }], ['web.yaml']);
    expect(plan.files).toEqual([{ path: 'web-2.yaml', text: '# mine\nkind: Pod\n' }]);
  });
});

describe('robustness', () => {
  it('takes hostile keys and broken texts as nothing more than text', () => {
    const piece = fc.constantFrom(
      '__proto__:\n',
      'constructor: x\n',
      'kind: Service\n',
      'metadata:\n',
      '  name: a\n',
      '  labels:\n',
      '    __proto__: web\n',
      'spec:\n',
      '  selector:\n',
      '    toString: web\n',
      '    app: web\n',
      '- ',
      '"',
      '{',
      '---\n',
      'apiVersion: v1\n',
      '  ports:\n',
      '  - port: 80\n',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 16 }), fc.nat(), (pieces, where) => {
        const text = pieces.join('');
        const offset = text.length === 0 ? 0 : where % (text.length + 1);
        const { languageSource } = world;
        language.yamlComplete(languageSource, 'x.yaml', text, offset);
        language.yamlHover(languageSource, 'x.yaml', text, offset);
        language.yamlReferences(languageSource, 'x.yaml', text, offset);
        language.yamlRename(languageSource, 'x.yaml', text, offset, 'b');
        language.yamlOutline(languageSource, 'x.yaml', text);
        language.yamlImport(languageSource, [{ path: 'x', text }], []);
      }),
      { numRuns: 60 },
    );
    expect(({} as Record<string, unknown>).web).toBeUndefined();
  });

  it('finds near words only', () => {
    expect(nearWords('replicaz', ['selector', 'replicas', 'template'])).toEqual(['replicas']);
    expect(nearWords('x', ['selector'])).toEqual([]);
  });
});

describe('a renamed Service', () => {
  it('keeps the cluster IP that its text asks for', () => {
    const address = () =>
      world.api.view.find<{ apiVersion: string; kind: string; metadata: { name: string }; spec: { clusterIP: string } }>('Service/default/shop')?.spec
        .clusterIP;
    const found = withText('web.yaml', web.replace('name: web-service', 'name: shop'), () => [
      address(),
      ...world.diagnostics.filter((one) => one.severity === 'error'),
    ]);
    expect(found).toEqual(['10.97.253.216']);
    expect(address()).toBeUndefined();
  });
});
