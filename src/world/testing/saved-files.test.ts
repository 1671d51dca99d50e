/** What wget and curl save becomes a file of the place where they run; opened, named and refused as GNU Wget 1.21, busybox 1.36 and curl 7.88 do. */
import { describe, expect, it } from 'vitest';
import { openArticle, runLine } from './article.ts';

const world = openArticle();
const run = (line: string) => runLine(world, line);
const address = run("kubectl get svc web-service -o jsonpath='{.spec.clusterIP}'").output;
run('kubectl run box --image=busybox --restart=Never -- sleep 1000; sleep 3');
const inBox = (script: string) => run(`kubectl exec box -- sh -c '${script}'`);

describe('wget saves what it gets', () => {
  it('under the name in the URL, or index.html; busybox never over a file that is there', () => {
    expect(inBox('cd /tmp; wget -q http://web-service && cat index.html').output).toMatch(/^Hello from web-/);
    expect(inBox('cd /tmp; wget http://web-service').output).toContain("wget: can't open 'index.html': File exists\n");
    expect(inBox('cd /tmp; echo old > page; wget -q -O page http://web-service && wc -l page').output).toBe('1 page\n');
  });

  it('with GNU’s, under the next number', () => {
    expect(run(`cd /tmp; wget -q http://${address}/; wget -nv http://${address}/`).output).toMatch(
      /^\S+ \S+ URL:http:\/\/\S+ \[\d+\/\d+\] -> "index.html.1" \[1\]\n$/,
    );
    expect(run(`wget -q -O /nodir/x http://${address}/`)).toMatchObject({ output: '/nodir/x: No such file or directory\n', exitCode: 1 });
  });
});

describe('curl -o', () => {
  it('keeps the body apart from what -w prints', () => {
    expect(run(`curl -s -o /tmp/body -w '%{http_code}\\n' http://${address}/; cat /tmp/body`).output).toMatch(/^200\nHello from web-\S+\n$/);
    expect(run(`curl -sO http://${address}/page.html && cat page.html`).output).toContain('404 Not Found');
  });

  it('makes no file before an answer comes, and says which it cannot open', () => {
    expect(run(`curl -s -o /tmp/none http://${address}:81/ -m 1; ls /tmp/none`).output).toBe("ls: cannot access '/tmp/none': No such file or directory\n");
    expect(run(`curl -sS -o /nodir/x http://${address}/`)).toMatchObject({ output: 'curl: (23) Failure writing output to destination\n', exitCode: 23 });
    expect(run(`curl -O http://${address}/`).output).toBe(
      'curl: Remote file name has no length!\ncurl: (23) Failed writing received data to disk/application\n',
    );
  });
});
