/** Verbs of kubectl that need the network or an editor: the real binary is no measure for them. */
import { describe, expect, it } from 'vitest';
import { bundledManifest } from './bundled/index.ts';
import { renderGoTemplate } from './go-template.ts';
import { unifiedDiff } from './unified-diff.ts';

describe('diff -u', () => {
  it('joins changes that are near each other and parts those that are not', () => {
    const before = Array.from({ length: 20 }, (_, index) => `line ${index + 1}`);
    const after = before.map((line, index) => (index === 2 ? 'changed' : line)).filter((_, index) => index !== 15);
    expect(unifiedDiff(`${before.join('\n')}\n`, `${after.join('\n')}\n`)).toBe(
      '@@ -1,6 +1,6 @@\n line 1\n line 2\n-line 3\n+changed\n line 4\n line 5\n line 6\n@@ -13,7 +13,6 @@\n line 13\n line 14\n line 15\n-line 16\n line 17\n line 18\n line 19\n',
    );
  });
  it('shows a file that was not there as added, and nothing for equal texts', () => {
    expect(unifiedDiff('', 'a\nb\n')).toBe('@@ -0,0 +1,2 @@\n+a\n+b\n');
    expect(unifiedDiff('a\n', 'a\n')).toBe('');
  });
});

describe('-o go-template', () => {
  it('trims white space, chains else if and compares', () => {
    const template = '{{range .items -}}\n  {{if eq .n 1}}one{{else if gt .n 2}}many{{else}}two{{end}};\n{{- end}}';
    expect(renderGoTemplate(template, { items: [{ n: 1 }, { n: 2 }, { n: 3 }] })).toBe('one;two;many;');
  });
  it('prints maps and what is absent as Go does', () => {
    expect(renderGoTemplate('{{.a}} {{.b}} {{$.a.x | printf "%q"}}', { a: { y: 2, x: 'k' } })).toBe('map[x:k y:2] <no value> "k"');
  });
  it('refuses what is not closed', () => {
    expect(() => renderGoTemplate('{{if .a}}', {})).toThrow('unexpected EOF');
    expect(() => renderGoTemplate('{{.a', {})).toThrow('unclosed action');
  });
});

describe('well-known addresses', () => {
  it.each([
    ['https://github.com/flannel-io/flannel/releases/latest/download/kube-flannel.yml', 'manifest'],
    ['https://raw.githubusercontent.com/kubernetes/ingress-nginx/controller-v1.13.3/deploy/static/provider/cloud/deploy.yaml', 'manifest'],
    ['https://github.com/kubernetes-sigs/metrics-server/releases/latest/download/components.yaml', 'manifest'],
    ['https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.4.0/standard-install.yaml', 'built-in'],
    ['https://raw.githubusercontent.com/projectcalico/calico/v3.31.0/manifests/calico.yaml', 'manifest'],
    ['https://raw.githubusercontent.com/projectcalico/calico/v3.31.0/manifests/tigera-operator.yaml', 'refused'],
  ])('%s is %s', (url, kind) => {
    expect(bundledManifest(url)?.kind).toBe(kind);
  });
  it('knows nothing of other addresses', () => {
    expect(bundledManifest('https://evil.example/flannel-io/flannel/releases/latest/download/kube-flannel.yml')).toBeUndefined();
  });
});
