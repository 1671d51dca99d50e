import { describe, expect, it } from 'vitest';
import { emptyMirror } from '../state/mirror.ts';
import { choose, fitOf, paletteItems } from './items.ts';

const items = paletteItems(
  {
    ...emptyMirror.topology,
    services: [
      {
        objectKey: 'Service/default/web-service',
        name: 'web-service',
        namespace: 'default',
        type: 'ClusterIP',
        clusterIp: '10.97.253.216',
        ports: '80/TCP',
        endpoints: [],
      },
    ],
  },
  [{ id: 'way', title: 'A packet’s way', level: 'first steps', minutes: 10 }],
);
const first = (letters: string) => choose(items, letters, 8)[0]?.label;

describe('the palette', () => {
  it('finds boxes by name and by address', () => {
    expect(first('web-s')).toBe('web-service');
    expect(first('10.97')).toBe('web-service');
  });

  it('finds switches and lessons by the start of a word before letters in the middle', () => {
    expect(first('dark')).toBe('Theme: dark');
    expect(first('policy')).toBe('Lens: policy');
    expect(first('packet’s')).toBe('A packet’s way');
    expect(fitOf({ label: 'Lens: policy', detail: '' }, 'lnsp')).toBe(1);
    expect(fitOf({ label: 'Lens: policy', detail: '' }, 'zz')).toBe(0);
  });

  it('runs what fits nothing as a command line', () => {
    expect(choose(items, 'kubectl get nodes', 8)[0]).toMatchObject({ group: 'Run', label: 'kubectl get nodes' });
    expect(choose(items, '', 5)).toHaveLength(5);
    expect(first('compare two roads')).toBe('Compare two roads …');
    expect(first('Objects in')).toBe('Objects in the files …');
  });
});
