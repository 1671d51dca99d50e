/** What the editor offers for each note of the policy linter mends it: applied, the note is gone, in block and in flow style. */
import { describe, expect, it } from 'vitest';
import { createShell } from '../../shell/index.ts';
import { allParts } from '../all-parts.ts';
import { articleFiles } from '../testing/article.ts';
import { World } from '../world.ts';
import { createLanguage } from './language.ts';

const shop = `apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Namespace
metadata: {name: front, labels: {team: front}}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {containers: [{name: c, image: nginx, ports: [{name: web, containerPort: 80}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: gateway, namespace: front, labels: {role: gateway}}
spec: {containers: [{name: c, image: nginx}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {clusterIP: 10.96.20.20, selector: {app: db}, ports: [{port: 80}]}
`;
const world = World.open({
  parts: allParts,
  document: { version: 1, seed: 1, files: [...articleFiles(), { path: 'shop.yaml', text: shop }], inputs: [], positions: {} },
  baseFiles: [],
  createShell,
});
const language = createLanguage();

const head = (namespace: string): string => `apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: one\n  namespace: ${namespace}\nspec:\n`;
const db = '  podSelector:\n    matchLabels:\n      app: db\n';
const codes = (): string[] =>
  world.languageSource.diagnostics.flatMap(({ code, span }) => (span?.file === 'p.yaml' && code.startsWith('policy-') ? [code] : []));

const CASES: readonly (readonly [code: string, text: string, title: string])[] = [
  ['policy-selects-nothing', `${head('shop')}  podSelector:\n    matchLabels:\n      app: dd\n  ingress:\n    - {}\n`, 'Select app=db'],
  ['policy-wrong-namespace', `${head('default')}${db}  ingress:\n    - {}\n`, 'Put it into namespace shop'],
  [
    'policy-forgets-dns',
    `${head('shop')}${db}  policyTypes: [Egress]\n  egress:\n    # the web\n    - ports:\n        - port: 443\n`,
    'Let its pods ask the cluster’s DNS',
  ],
  [
    'policy-forgets-dns',
    `${head('shop')}  podSelector: {}\n  policyTypes: [Egress]\n  egress: [{ports: [{port: 443}]}]\n`,
    'Let its pods ask the cluster’s DNS',
  ],
  [
    'policy-service-cidr',
    `${head('shop')}${db}  policyTypes: [Egress]\n  egress:\n    - to:\n        - ipBlock:\n            cidr: 10.96.20.20/32\n    - ports: [{port: 53, protocol: UDP}]\n`,
    'Allow the pods behind Service db',
  ],
  [
    'policy-and-or',
    `${head('shop')}${db}  ingress:\n    - from:\n        - namespaceSelector:\n            matchLabels:\n              team: front\n        - podSelector:\n            matchLabels:\n              role: gateway\n`,
    'Ask for both: one element in place of two',
  ],
  [
    'policy-peer-namespace',
    `${head('shop')}${db}  ingress:\n    - from: [{podSelector: {matchLabels: {role: gateway}}}]\n`,
    'Mean the pods of namespace front',
  ],
  [
    'policy-namespace-label',
    `${head('shop')}${db}  ingress:\n    - from:\n        - namespaceSelector: {matchLabels: {name: front}}\n`,
    'Ask for kubernetes.io/metadata.name: front',
  ],
  ['policy-named-port', `${head('shop')}${db}  ingress:\n    - ports:\n        - port: wbe\n`, 'Change to web'],
];

describe('a quick fix', () => {
  it.each(CASES)('for %s', (code, text, title) => {
    world.edit('p.yaml', text);
    const source = world.languageSource;
    const diagnostic = source.diagnostics.find((one) => one.code === code && one.span?.file === 'p.yaml');
    expect(diagnostic, JSON.stringify(codes())).toBeDefined();
    const { startOffset = 0, endOffset = 0 } = diagnostic?.span ?? {};
    const fix = language.yamlFixes(source, 'p.yaml', text, startOffset, endOffset).find((one) => one.title === title);
    expect(fix).toBeDefined();
    const mended = [...(fix?.edits ?? [])]
      .sort((a, b) => b.startOffset - a.startOffset)
      .reduce((now, edit) => now.slice(0, edit.startOffset) + edit.text + now.slice(edit.endOffset), text);
    world.edit('p.yaml', mended);
    expect(world.languageSource.diagnostics.filter(({ severity, span }) => severity === 'error' && span?.file === 'p.yaml')).toEqual([]);
    expect(codes(), mended).not.toContain(code);
    if (text.includes('# the web')) expect(mended).toContain('# the web');
  });
});
