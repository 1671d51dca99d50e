import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { palettes } from '../theme/palette.ts';
import { escapeXml, topologySvg } from './svg.ts';
import { articleTopology, curlHops, makeTopology } from './testing/article.ts';

/** A reader of XML that knows no entities but our own; returns the names of elements, or throws at what is not well-formed. */
function elementsOf(xml: string): string[] {
  const names: string[] = [];
  const open: string[] = [];
  let at = 0;
  while (at < xml.length) {
    const tag = xml.indexOf('<', at);
    const text = xml.slice(at, tag < 0 ? xml.length : tag);
    if (/&(?!(amp|lt|gt|quot|#39);)/.test(text) || text.includes('>')) throw new Error(`bad text: ${text}`);
    if (tag < 0) break;
    const match = /^<(\/?)([a-z]+)((?: [a-zA-Z:-]+="[^"<]*")*)(\/?)>/.exec(xml.slice(tag));
    if (match === null) throw new Error(`bad tag: ${xml.slice(tag, tag + 60)}`);
    const [whole, closing, name = '', attributes = '', empty] = match;
    if (/&(?!(amp|lt|gt|quot|#39);)/.test(attributes)) throw new Error(`bad attribute: ${attributes}`);
    if (closing === '/') {
      if (open.pop() !== name) throw new Error(`</${name}> closes nothing`);
    } else {
      names.push(name);
      if (empty !== '/') open.push(name);
    }
    at = tag + whole.length;
  }
  if (open.length > 0) throw new Error(`unclosed: ${open.join(' ')}`);
  return names;
}

const hostile = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onload='alert(1)",
  '</text></svg><script>1</script>',
  '&lt;b&gt;',
  ']]>',
  '\u0000\u0008\ufffe',
  'x\u202Ey',
];

describe('the SVG of a cluster', () => {
  it('is well-formed and made of shapes and words only', () => {
    const names = new Set(elementsOf(topologySvg(articleTopology(), { hops: curlHops(), index: 12 })));
    expect([...names].sort()).toEqual(['circle', 'g', 'path', 'rect', 'svg', 'text', 'title']);
  });

  it.each(hostile)('shows the name %s as text', (name) => {
    const topology = makeTopology(
      [
        { name: 'n0', pods: [{ name, ip: '10.244.0.2', app: name }] },
        { name, pods: [] },
      ],
      [{ objectKey: `Service/default/${name}`, name, namespace: name, type: 'ClusterIP', clusterIp: name, ports: name, endpoints: [] }],
    );
    for (const theme of ['light', 'dark'] as const) {
      const svg = topologySvg(topology, { theme, title: name });
      const names = new Set(elementsOf(svg));
      expect(names.has('script')).toBe(false);
      expect(names.has('img')).toBe(false);
      expect(svg).not.toMatch(/<[^>]*\son[a-z]+=/);
    }
  });

  it('escapes any text so that it reads back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(() => elementsOf(`<text>${escapeXml(text)}</text>`)).not.toThrow();
      }),
    );
  });

  it('has no colour that a page must know, unless it is made for a page', () => {
    expect(topologySvg(articleTopology())).not.toContain('var(');
    expect(topologySvg(articleTopology(), { variables: true })).toContain('var(--panel)');
  });
});

describe('the colours', () => {
  const css = readFileSync(new URL('../theme/tokens.css', import.meta.url), 'utf8');
  const block = (start: string) => css.slice(css.indexOf(start), css.indexOf('}', css.indexOf(start)));
  const blocks = { light: block(':root {'), dark: block(':root[data-theme="dark"]'), system: block(':root:not([data-theme="light"])') };
  const value = (text: string, name: string) => new RegExp(`--${name}:\\s*([^;]+);`).exec(text)?.[1];

  it('are the same in tokens.css, in its dark and system blocks, and in palette.ts', () => {
    for (const name of Object.keys(palettes.light) as (keyof typeof palettes.light)[]) {
      expect(value(blocks.light, name), `light --${name}`).toBe(palettes.light[name]);
      expect(value(blocks.dark, name), `dark --${name}`).toBe(palettes.dark[name]);
      expect(value(blocks.system, name), `system --${name}`).toBe(palettes.dark[name]);
    }
  });

  it('are legible as text on every ground (WCAG AA, 4.5:1)', () => {
    const luminance = (hex: string) => {
      const [r = 0, g = 0, b = 0] = [1, 3, 5].map((i) => {
        const c = Number.parseInt(hex.slice(i, i + 2), 16) / 255;
        return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const contrast = (a: string, b: string) => {
      const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
      return (high + 0.05) / (low + 0.05);
    };
    for (const palette of Object.values(palettes)) {
      for (const ink of ['ink', 'mute', 'l2', 'l3', 'l4', 'l7', 'tun', 'drop'] as const) {
        for (const ground of ['bg', 'panel', 'room'] as const)
          expect(contrast(palette[ink], palette[ground]), `${ink} on ${ground}`).toBeGreaterThanOrEqual(4.5);
      }
      for (const ground of ['l3', 'l4', 'l7', 'tun', 'drop'] as const)
        expect(contrast(palette['on-fill'], palette[ground]), `on-fill on ${ground}`).toBeGreaterThanOrEqual(4.5);
    }
  });
});
