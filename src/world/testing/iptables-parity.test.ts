/** The installed iptables as the judge: hundreds of generated rules restored and saved by it, and by us. */
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readSaved } from '../../net/netfilter/command/restore.ts';
import { ruleset, textOf } from '../../net/netfilter/testing/generated-rules.ts';

const run = (script: string, input: string): string =>
  execFileSync('unshare', ['-n', 'sh', '-c', script], { input, encoding: 'utf8', timeout: 60_000, stdio: ['pipe', 'pipe', 'pipe'] });

/** Why the comparison cannot be made here; undefined where it can. */
function whyNot(): string | undefined {
  if (process.env.KUBEHOP_PARITY === 'off') return 'KUBEHOP_PARITY=off';
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'it needs Linux and root';
  try {
    return run('iptables -V && iptables -A INPUT -m comment --comment x -m recent --set -m hashlimit --hashlimit-upto 1/sec --hashlimit-name x', '').includes(
      'v1.8.9 (nf_tables)',
    )
      ? undefined
      : 'another version of iptables is installed';
  } catch {
    return 'no iptables that may be used';
  }
}

const reason = whyNot();
if (reason !== undefined) process.stderr.write(`kubehop: the comparison with this machine's iptables is skipped: ${reason}.\n`);

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

describe.skipIf(reason !== undefined)('iptables-save of this machine', () => {
  it('prints generated rules as we do', () => {
    // One namespace a rule set, one process for all of them.
    const texts = fc.sample(ruleset, { numRuns: 60, seed: 20261124 }).map(textOf);
    for (const text of texts) {
      const real = lines(run('iptables-restore -c && iptables-save -c', `${text}\n`));
      const [table] = readSaved(`${text}\n`);
      if (table === undefined) throw new Error('no table');
      const counters = ([packets, bytes]: readonly [number, number]): string => `[${packets}:${bytes}]`;
      const chains = table.chains();
      const ours = [
        '*filter',
        ...chains.map((c) => `:${c.name} ${c.policy ?? '-'} ${counters(c.policyCounters)}`),
        ...chains.flatMap((c) => c.rules.map((r) => `${counters(r.counters)} -A ${c.name} ${r.rule.text}`.trimEnd())),
        'COMMIT',
      ];
      expect(ours).toEqual(real);
    }
  }, 60_000);
});
