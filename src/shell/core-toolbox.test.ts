/** The tools of a page's first moment against all tools. */

import { describe, expect, it } from 'vitest';
import { NotLoaded } from '../base/not-loaded.ts';
import { coreToolbox, isCoreLine } from './core-toolbox.ts';
import { fullToolbox } from './full-toolbox.ts';
import { LATER_TOOLS } from './later-tools.ts';

describe('the tools that are there first', () => {
  it('have every name that all tools have', () => {
    expect([...coreToolbox.commands.keys()].sort()).toEqual([...fullToolbox.commands.keys()].sort());
  });

  it('are the very same commands, but for those that come later', () => {
    const different = [...fullToolbox.commands].filter(([name, command]) => coreToolbox.commands.get(name)?.run !== command.run).map(([name]) => name);
    const programs = [...fullToolbox.programs.keys()].filter((name) => !LATER_TOOLS.has(name));
    expect(different.filter((name) => !programs.includes(name)).sort()).toEqual([...LATER_TOOLS, 'kubectl'].sort());
  });

  it('say of a later one that it is missing', () => {
    expect(() => coreToolbox.commands.get('ip')?.run({} as never)).toThrow(NotLoaded);
  });

  it('are enough for a request and the verbs of most links, not for a shell, a pipe or another verb', () => {
    expect(isCoreLine('kubectl exec client -- curl -s http://web-service/')).toBe(true);
    expect(isCoreLine('kubectl exec client -n shop -c app -- ping -c 1 10.244.1.3')).toBe(true);
    for (const line of [
      'kubectl get pods -A -o wide',
      'kubectl scale deployment web --replicas=4',
      'kubectl label pod client tier=front',
      'kubectl delete pod web-1',
    ])
      expect(isCoreLine(line)).toBe(true);
    for (const line of [
      'kubectl get pods | wc -l',
      'kubectl describe pod client',
      'kubectl exec client -- sh',
      'kubectl exec client -- /bin/sh',
      'kubectl exec client -- curl a | wc',
      'kubectl exec client -- ip addr',
      'kubectl exec client -- curl $x',
      'curl web',
    ])
      expect(isCoreLine(line)).toBe(false);
  });
});
