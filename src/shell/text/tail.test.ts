/** tail -f: what others write appears as it comes, in virtual time. */
import { describe, expect, it } from 'vitest';
import { openArticle, runLine } from '../../world/testing/article.ts';

describe('tail', () => {
  it('follows a file until it is interrupted', () => {
    const world = openArticle();
    const told = runLine(
      world,
      "printf '1\\n2\\n3\\n' > log; tail -n 1 -f log & sleep 1; echo four >> log; sleep 1; echo five >> log; sleep 1; kill %1",
    ).output;
    expect(told).toContain('3\nfour\nfive\n');
    expect(told).not.toContain('2\n');
  });

  it('says which file speaks, and when one is cut short', () => {
    const world = openArticle();
    const told = runLine(world, 'echo a > one; echo b > two; tail -f one two & sleep 1; echo c >> one; sleep 1; echo > one; sleep 1; kill %1').output;
    expect(told).toContain('==> one <==\na\n\n==> two <==\nb\n\n==> one <==\nc\n');
    expect(told).toContain('tail: one: file truncated\n');
    expect(runLine(world, 'tail -n1 one two').stdout).toBe('==> one <==\n\n\n==> two <==\nb\n');
  });

  it('follows by name a file that is taken away and comes again', () => {
    const told = runLine(openArticle(), 'echo a > one; tail -F one & sleep 1; rm one; sleep 1; echo b > one; sleep 1; kill %1').output;
    expect(told).toContain("a\ntail: 'one' has become inaccessible: No such file or directory\ntail: 'one' has appeared;  following new file\nb\n");
  });
});
