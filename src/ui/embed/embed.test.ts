import { describe, expect, it } from 'vitest';
import type { TerminalEntry } from '../../world/views.ts';
import { buildScene } from '../canvas/layout.ts';
import { articleTopology, curlHops, podId } from '../canvas/testing/article.ts';
import { parseEmbedParameters } from './parameters.ts';
import { boxesOf, findFocus, findSpan } from './story.ts';

describe('the parameters of an embed', () => {
  it('have defaults that show the whole picture at rest', () => {
    expect(parseEmbedParameters('')).toEqual({
      view: 'graph',
      theme: 'auto',
      lens: 'wires',
      focus: '',
      controls: 'full',
      autoplay: false,
      loop: false,
      step: undefined,
      speed: 1,
      caption: '',
    });
  });

  it('are read in any case, the first of a name wins, unknown ones are ignored', () => {
    expect(
      parseEmbedParameters('?THEME=Dark&lens=services&step=4&speed=0.5&autoplay=1&loop=1&controls=min&caption=A%20%3Cb%3E&focus=pod/client&theme=light&x=y'),
    ).toMatchObject({
      theme: 'dark',
      lens: 'services',
      step: 4,
      speed: 0.5,
      autoplay: true,
      loop: true,
      controls: 'min',
      caption: 'A <b>',
      focus: 'pod/client',
    });
  });

  it('become the default where they are odd', () => {
    expect(parseEmbedParameters('?theme=pink&step=-3&speed=abc&controls=all&view=yaml&autoplay=yes')).toMatchObject({
      theme: 'auto',
      step: undefined,
      speed: 1,
      controls: 'full',
      view: 'graph',
      autoplay: false,
    });
    expect(parseEmbedParameters('?speed=99').speed).toBe(4);
    expect(parseEmbedParameters(`?caption=${'x'.repeat(9_000)}`).caption.length).toBeLessThanOrEqual(200);
  });
});

describe('the story of an embed', () => {
  const command = (seq: number, text: string): TerminalEntry => ({ session: 'main', timeNs: 0, seq, kind: 'command', text });

  it('is the last command that sent packets, or the one around a moment', () => {
    const terminal = [command(0, 'kubectl get pods'), command(0, 'ping -c 1 10.244.1.3'), command(40, 'curl web-service'), command(90, 'ls')];
    expect(findSpan(terminal, 90, undefined)).toEqual({ label: 'curl web-service', from: 40, to: 90 });
    expect(findSpan(terminal, 90, 12)).toEqual({ label: 'ping -c 1 10.244.1.3', from: 0, to: 40 });
    expect(findSpan([], 0, undefined)).toBeUndefined();
  });

  it('is about the pods and Services that its packets touch', () => {
    const { pods } = boxesOf(articleTopology(), curlHops());
    expect([...pods].sort()).toEqual([podId('controlplane', 'client'), podId('node01', 'web-64c966cf88-4x8xq')].sort());
  });

  it('finds what a focus names', () => {
    const scene = buildScene(articleTopology(), { density: 'compact', direction: 'row' });
    expect(findFocus(scene, 'pod/client')?.id).toBe(podId('controlplane', 'client'));
    expect(findFocus(scene, '10.244.1.4')?.id).toBe(podId('node01', 'web-64c966cf88-4x8xq'));
    expect(findFocus(scene, 'node01')?.id).toBe('node01');
    expect(findFocus(scene, 'flannel.1')?.kind).toBe('chip');
    expect(findFocus(scene, 'nobody')).toBeUndefined();
    expect(findFocus(scene, '')).toBeUndefined();
  });

  it('draws story pods for sure and fills the row with others', () => {
    const topology = articleTopology(9);
    const show = new Set([podId('node01', 'web-64c966cf88-zz005')]);
    const scene = buildScene(topology, { density: 'compact', direction: 'row', show });
    const drawn = scene.items.filter((item) => item.kind === 'pod' && item.parent === 'node01').map((item) => item.id);
    expect(drawn).toHaveLength(4);
    expect(drawn).toContain([...show][0]);
    const room = scene.itemById.get('node01');
    expect(room?.kind === 'room' && room.folded).toBe(6);
  });
});
