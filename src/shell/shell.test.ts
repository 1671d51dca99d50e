/** Sessions: prompts, pipes, loops, redirections, jobs, Ctrl-C, snapshots in the middle of everything. */
import { describe, expect, it } from 'vitest';
import { END_OF_INPUT } from './shell.ts';
import { FakeWorld } from './testing/fake-host.ts';

describe('a command line', () => {
  it('expands variables, substitutions, arithmetic and quotes', () => {
    const world = new FakeWorld();
    expect(world.run(`X=web; echo $X-1 "$X  2" '$X' \${X}s \${Y:-none} $((2 + 3 * 4))`)).toBe('web-1 web  2 $X webs none 14\n');
    expect(world.run('echo $(echo a; echo b) `hostname`')).toBe('a b controlplane\n');
    expect(world.run('echo "$(printf \'a\\nb\\n\')"')).toBe('a\nb\n');
    expect(world.run('A="x y"; for w in $A; do echo [$w]; done; echo "[$A]"')).toBe('[x]\n[y]\n[x y]\n');
    expect(world.run(`F=web-1.yaml; echo \${F%.yaml} \${F#web-} \${#F}`)).toBe('web-1 1.yaml 10\n');
    expect(world.run('echo ""; echo $EMPTY | wc -l')).toBe('\n1\n');
  });

  it('keeps exit codes and obeys && || ; !', () => {
    const world = new FakeWorld();
    expect(world.run('true && echo yes || echo no; false && echo yes || echo no; ! false; echo $?')).toBe('yes\nno\n0\n');
    expect(world.run('nosuch; echo $?')).toBe('bash: nosuch: command not found\n127\n');
    expect(world.run('(exit 3); echo $?')).toBe('3\n');
    expect(world.run("sh -c 'echo \"a'; echo $?")).toBe('sh: 1: Syntax error: Unterminated quoted string\n2\n');
    expect(world.run("sh -c 'nosuch'")).toBe('sh: 1: nosuch: not found\n');
    expect(world.shell.exitCode('main')).toBe(127);
  });

  it('streams through filters', () => {
    const world = new FakeWorld();
    expect(world.run('seq 1 20 | grep 1 | head -n 3')).toBe('1\n10\n11\n');
    expect(world.run('printf "b 2\\na 1\\nb 2\\n" | sort | uniq -c')).toBe('      1 a 1\n      2 b 2\n');
    expect(world.run("echo 'a:b:c' | cut -d: -f2-3")).toBe('b:c\n');
    expect(world.run("echo hello | tr a-z A-Z | sed 's/L\\+/-&-/' | awk '{print NF, $1, length($1)}'")).toBe('1 HE-LL-O 7\n');
    expect(world.run("seq 1 5 | awk '$1 > 2 && $1 != 4 {s += $1} END {print s}'")).toBe('8\n');
    expect(world.run('seq 3 | xargs -n 1 echo n')).toBe('n 1\nn 2\nn 3\n');
    expect(world.run('seq 9 | grep -c -v 5; seq 9 | grep -n -A1 -B1 5; echo web-1 | grep -o "[0-9]"')).toBe('8\n4-4\n5:5\n6-6\n1\n');
    expect(world.run('seq 1 30 | tail -2; seq 3 | wc -l; echo -n abc | wc')).toBe('29\n30\n3\n      0       1       3\n');
    expect(world.run("seq 5 | sed -n '2,3p;$p'; seq 4 | sed '2d;s/3/three/'")).toBe('2\n3\n5\n1\nthree\n4\n');
  });

  it('writes and reads files, and says what cannot be opened', () => {
    const world = new FakeWorld();
    expect(world.run('echo one > a.txt; echo two >> a.txt; cat a.txt; wc -l < a.txt')).toBe('one\ntwo\n2\n');
    expect(world.run('nosuch 2>/dev/null; nosuch > all.txt 2>&1; cat all.txt')).toBe('bash: nosuch: command not found\n');
    expect(world.run('echo x > /no/such/file; cat < nothing; cat nothing')).toBe(
      'bash: /no/such/file: No such file or directory\nbash: nothing: No such file or directory\ncat: nothing: No such file or directory\n',
    );
    expect(world.run('for f in *.txt; do echo $f; done; ls *.yaml')).toBe("a.txt\nall.txt\nls: cannot access '*.yaml': No such file or directory\n");
    expect(world.run('cat <<EOF\n$((1+1)) "quoted" $(echo sub)\nEOF')).toBe('2 "quoted" sub\n');
    expect(world.run("cat <<'EOF' | head -1\n$X\nEOF")).toBe('$X\n');
    expect(world.run('while read name rest; do echo "$rest-$name"; done < a.txt')).toBe('-one\n-two\n');
  });

  it('continues an open line, and Ctrl-D or Ctrl-C ends it', () => {
    const world = new FakeWorld();
    expect(world.run('for i in 1 2')).toBe('');
    expect(world.prompt()).toBe('> ');
    expect(world.run('do echo $i; done')).toBe('1\n2\n');
    expect(world.prompt()).toBe('controlplane:~$ ');
    world.run('echo "open');
    expect(world.run(END_OF_INPUT)).toBe('bash: unexpected EOF while looking for matching `"\'\n');
    world.run('echo "open');
    world.shell.interrupt('main');
    expect(world.prompt()).toBe('controlplane:~$ ');
  });
});

describe('sessions', () => {
  it('enter other hosts and shells and come back', () => {
    const world = new FakeWorld();
    expect(world.run('ssh node01')).toBe('');
    expect(world.prompt()).toBe('node01:~$ ');
    expect(world.run('hostname; cd /tmp')).toBe('node01\n');
    expect(world.prompt()).toBe('node01:/tmp$ ');
    expect(world.run('exit')).toBe('logout\nConnection to node01 closed.\n');
    expect(world.prompt()).toBe('controlplane:~$ ');
    expect(world.run('ssh node01 hostname && ssh nosuch')).toBe('node01\nssh: Could not resolve hostname nosuch: Name or service not known\n');
    expect(world.run('sh')).toBe('');
    expect(world.prompt()).toBe('# ');
    world.run('exit 4');
    expect(world.run('echo $?')).toBe('4\n');
    expect(world.shell.depth('main')).toBe(1);
  });

  it('wait for programs of the engine', () => {
    const world = new FakeWorld();
    const from = world.printed.length;
    world.shell.input('main', 'sleep 2; say hello | tr a-z A-Z');
    expect(world.shell.sessions()[0]).toMatchObject({ busy: true, endless: false });
    world.advance(1.5);
    expect(world.since(from)).toBe('');
    world.advance(1);
    expect(world.since(from)).toBe('HELLO\n');
    expect(world.shell.sessions()[0]?.busy).toBe(false);
  });

  it('know endless commands, and Ctrl-C lets them say their last words', () => {
    const world = new FakeWorld();
    const from = world.printed.length;
    world.shell.input('main', 'talk');
    expect(world.shell.sessions()[0]).toMatchObject({ busy: true, endless: true });
    world.advance(2.5);
    world.shell.interrupt('main');
    expect(world.since(from)).toBe('tick 1\ntick 2\n^Cthat was all\n');
    expect(world.shell.exitCode('main')).toBe(0);
    world.shell.input('main', 'while true; do say again; sleep 1; done');
    expect(world.shell.sessions()[0]).toMatchObject({ busy: true, endless: true });
    world.advance(2.5);
    world.shell.interrupt('main');
    expect(world.shell.sessions()[0]?.busy).toBe(false);
    expect(world.shell.exitCode('main')).toBe(130);
    expect(world.running).toBe(0);
  });

  it('end a writer whose reader has left', () => {
    const world = new FakeWorld();
    const from = world.printed.length;
    world.shell.input('main', 'talk | head -n 2');
    world.advance(5);
    expect(world.since(from)).toBe('tick 1\ntick 2\n');
    expect(world.shell.sessions()[0]?.busy).toBe(false);
    expect(world.running).toBe(0);
  });

  it('run jobs in the background, kill them, time them out', () => {
    const world = new FakeWorld();
    const from = world.printed.length;
    world.shell.input('main', 'talk & sleep 2.5; kill %1; wait; echo over');
    world.advance(3);
    expect(world.since(from)).toMatch(/^\[1\] \d+\ntick 1\ntick 2\nthat was all\nover\n\[1\]\+ {2}Done +talk\n$/);
    world.shell.input('main', 'timeout 3 talk; echo $?');
    world.advance(4);
    expect(world.since(from)).toMatch(/that was all\n124\n$/);
    expect(world.running).toBe(0);
  });

  it('stop a loop in which no time passes', () => {
    const world = new FakeWorld();
    expect(world.run('while true; do :; done')).toContain('in which no time passed');
    expect(world.run('while true; do say hello; done')).toContain('in which no time passed');
    expect(world.run('while true; do seq 1 10000; done').length).toBeLessThan(5_000_000);
    expect(world.run('echo alive')).toBe('alive\n');
  });

  it('are plain data: a snapshot in the middle of a loop goes on where it was', () => {
    const world = new FakeWorld();
    world.shell.input('main', 'for i in 1 2 3; do echo $i; sleep 1; done | sed s/^/n/');
    world.advance(1.5);
    const snapshot = world.shell.snapshot();
    const plain = JSON.parse(JSON.stringify(snapshot, (_key, value: unknown) => (value instanceof Map ? [...value] : value))) as unknown;
    expect(JSON.stringify(plain)).toContain('"kind":"for"');
    const from = world.printed.length;
    world.advance(5);
    expect(world.since(from)).toBe('n3\n');
    world.shell.restore(snapshot);
    expect(world.shell.sessions()[0]?.busy).toBe(true);
    // Running on has not changed the snapshot.
    expect(JSON.stringify(snapshot, (_key, value: unknown) => (value instanceof Map ? [...value] : value))).toBe(JSON.stringify(plain));
  });

  it('complete commands, files and hosts', () => {
    const world = new FakeWorld();
    world.run('echo a > web.yaml');
    expect(world.shell.complete('main', 'iptables-r', 10).candidates).toEqual(['iptables-restore']);
    expect(world.shell.complete('main', 'cat we', 6)).toEqual({ start: 4, candidates: ['web.yaml'] });
    expect(world.shell.complete('main', 'ssh n', 5).candidates).toEqual(['node01']);
    expect(world.shell.complete('main', 'ls | gre', 8).candidates).toEqual(['grep']);
    expect(world.shell.complete('main', 'kubectl desc', 12).candidates).toEqual(['describe']);
  });

  it('keep aliases, functions and options from line to line, and not in scripts', () => {
    const world = new FakeWorld();
    expect(world.run("alias e='echo an alias:'")).toBe('');
    expect(world.run('e hi; alias k')).toBe("an alias: hi\nalias k='kubectl'\n");
    expect(world.run("bash -c 'e hi'")).toContain('command not found');
    world.run('greet() {');
    expect(world.prompt()).toBe('> ');
    world.run('echo "hello $1"; }');
    expect(world.run('greet you')).toBe('hello you\n');
    world.run('unalias e');
    expect(world.run('e hi')).toBe('bash: e: command not found\n');
    world.run('set -x');
    expect(world.run('echo a')).toBe('+ echo a\na\n');
    world.run('set +x; set -- p q');
    expect(world.run(`echo $2 $#; echo \${NOSUCH:?is not set}; echo not reached`)).toBe('q 2\nbash: NOSUCH: is not set\n');
    expect(world.run('exec > log.txt; echo hidden')).toBe('');
    expect(world.run('exec > /dev/tty; cat log.txt')).toBe('hidden\n');
  });

  it('tell the state of jobs, wait for one, bring one back', () => {
    const world = new FakeWorld();
    expect(world.run('sleep 3 & jobs')).toMatch(/^\[1\] \d+\n\[1\]\+ {2}Running {17}sleep 3 &\n$/);
    world.advance(4);
    expect(world.run('')).toBe('[1]+  Done                    sleep 3\n');
    const from = world.printed.length;
    world.shell.input('main', '(sleep 2; exit 4) & wait $!; echo $?');
    world.advance(3);
    expect(world.since(from)).toMatch(/\n4\n\[1\]\+ {2}Exit 4 +\(sleep 2; exit 4\)\n$/);
    world.run('talk > /dev/null &');
    expect(world.run('fg')).toBe('talk > /dev/null\n');
    world.shell.interrupt('main');
    expect(world.shell.sessions()[0]?.busy).toBe(false);
    expect(world.running).toBe(0);
  });

  it('run the trap of Ctrl-C instead of ending, and read with a time limit', () => {
    const world = new FakeWorld();
    world.run("trap 'echo caught' INT");
    const from = world.printed.length;
    world.shell.input('main', 'sleep 5; echo after');
    world.shell.interrupt('main');
    expect(world.since(from)).toBe('^Ccaught\nafter\n');
    world.shell.input('main', 'read -t 2 answer; echo $?');
    world.advance(3);
    expect(world.since(from)).toContain('142\n');
    world.shell.input('main', 'read -p "name? " answer; echo "it is $answer"');
    world.shell.input('main', 'bob');
    expect(world.since(from)).toContain('name? it is bob\n');
  });

  it('watch a command: the terminal is cleared before each turn', () => {
    const world = new FakeWorld();
    const from = world.printed.length;
    world.shell.input('main', 'watch -n 1 echo hi');
    world.advance(1.5);
    world.shell.interrupt('main');
    const screen = `\u001b[H\u001b[2J${'Every 1.0s: echo hi'.padEnd(42)}controlplane: Sun Nov 22 22:47:`;
    expect(world.since(from)).toBe(`${screen}44 2026\n\nhi\n${screen}45 2026\n\nhi\n^C\n`);
    expect(world.run('seq 2 | less; realpath /tmp/..; watch')).toBe('1\n2\n/\nUsage:\n watch [options] command\n');
  });

  it('remember history', () => {
    const world = new FakeWorld();
    world.run('echo one');
    expect(world.run('!!')).toBe('echo one\none\n');
    expect(world.run('!1')).toBe('echo one\none\n');
    expect(world.run('!-1 more')).toBe('echo one more\none more\n');
    expect(world.run('!99')).toBe('bash: !99: event not found\n');
    expect(world.run('history | tail -1')).toContain('history | tail -1');
  });
});
