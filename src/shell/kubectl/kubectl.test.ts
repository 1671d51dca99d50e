/** kubectl in the default world: tables, formats, changes, and its words when something is wrong. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openArticle, runLine } from '../../world/testing/article.ts';
import { formatTable } from '../table.ts';
import { humanDuration } from './age.ts';
import { renderTabs } from './describe/writer.ts';
import { parseJsonPath, renderJsonPath } from './jsonpath.ts';

describe('kubectl get', () => {
  const world = openArticle();
  const run = (line: string) => runLine(world, line);

  it('pads columns to the widest cell plus three, and no narrower than six', () => {
    expect(
      formatTable([
        ['NAME', 'A', 'LAST'],
        ['x', 'y', 'z'],
      ]),
    ).toBe('NAME   A     LAST\nx      y     z\n');
    expect(run('kubectl get svc web-service').stdout).toBe(
      'NAME          TYPE        CLUSTER-IP      EXTERNAL-IP   PORT(S)   AGE\nweb-service   ClusterIP   10.97.253.216   <none>        80/TCP    15m\n',
    );
    expect(run('kubectl get svc web-service -o wide --no-headers').stdout).toBe('web-service   ClusterIP   10.97.253.216   <none>   80/TCP   15m   app=web\n');
  });

  it('takes aliases, several kinds, slashes, all namespaces, selectors and sorting', () => {
    expect(run('kubectl get po,svc').stdout).toMatch(/^NAME {20,}READY[\s\S]*pod\/client[\s\S]*\n\nNAME +TYPE[\s\S]*service\/web-service/);
    expect(run('kubectl get deploy/web svc/web-service -o name').stdout).toBe('deployment.apps/web\nservice/web-service\n');
    expect(run('kubectl get ds -A --no-headers | wc -l').stdout).toBe('2\n');
    expect(run('kubectl get pods -l app=web,pod-template-hash -o name | wc -l').stdout).toBe('3\n');
    expect(run("kubectl get pods -l 'app in (client)' -o name").stdout).toBe('pod/client\n');
    expect(run('kubectl get pods --field-selector spec.nodeName=controlplane -o name').stdout).toBe('pod/client\n');
    expect(run('kubectl get pods --sort-by=.status.podIP --no-headers | head -1').stdout).toMatch(/^client /);
    expect(run('kubectl get pods -L app | head -1').stdout).toMatch(/AGE {3}APP\n$/);
  });

  it('prints yaml, json, jsonpath, custom columns and names', () => {
    expect(run('kubectl get svc web-service -o jsonpath={.spec.clusterIP}').stdout).toBe('10.97.253.216');
    expect(run(`kubectl get pods -l app=web -o jsonpath='{range .items[*]}{.status.podIP}{"\\n"}{end}'`).stdout).toBe('10.244.1.3\n10.244.1.4\n10.244.1.5\n');
    expect(run('kubectl get svc web-service -o custom-columns=NAME:.metadata.name,IP:.spec.clusterIP,NO:.spec.nope').stdout).toBe(
      'NAME          IP              NO\nweb-service   10.97.253.216   <none>\n',
    );
    expect(run('kubectl get svc web-service -o yaml').stdout).toContain(
      '  ports:\n  - port: 80\n    protocol: TCP\n    targetPort: 80\n  selector:\n    app: web\n',
    );
    expect(JSON.parse(run('kubectl get pods -o json').stdout)).toMatchObject({ kind: 'List', items: [{}, {}, {}, {}] });
  });

  it('says what is wrong in kubectl’s words, with its exit codes', () => {
    const wrong = (line: string): string => {
      const { stderr, exitCode } = run(line);
      expect(exitCode).toBe(1);
      return stderr;
    };
    expect(wrong('kubectl get foo')).toBe('error: the server doesn\'t have a resource type "foo"\n');
    expect(wrong('kubectl get pod nope')).toBe('Error from server (NotFound): pods "nope" not found\n');
    expect(wrong('kubectl get pod nope -n nowhere')).toBe('Error from server (NotFound): namespaces "nowhere" not found\n');
    expect(wrong('kubectl get pods --foo')).toBe("error: unknown flag: --foo\nSee 'kubectl get --help' for usage.\n");
    expect(wrong('kubectl get pods -z')).toBe("error: unknown shorthand flag: 'z' in -z\nSee 'kubectl get --help' for usage.\n");
    expect(wrong('kubectl get pods -n')).toBe("error: flag needs an argument: 'n' in -n\nSee 'kubectl get --help' for usage.\n");
    expect(wrong('kubectl gte pods')).toBe('error: unknown command "gte" for "kubectl"\n\nDid you mean this?\n\tget\n');
    expect(wrong('kubectl get pods -o xml')).toContain('error: unable to match a printer suitable for the output format "xml", allowed formats are: ');
    expect(wrong('kubectl exec client ls')).toContain('error: exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead\n');
    expect(wrong('kubectl expose')).toContain('error: You must provide one or more resources by argument or filename.\n');
    expect(wrong('kubectl delete pod')).toBe('error: resource(s) were provided, but no name was specified\n');
    expect(wrong('kubectl scale deploy web')).toBe('error: required flag(s) "replicas" not set\n');
    expect(wrong('kubectl apply -f nope.yaml')).toBe('error: the path "nope.yaml" does not exist\n');
    expect(wrong('kubectl run x')).toBe('error: required flag(s) "image" not set\n');
    expect(run('kubectl get pods -n nowhere')).toMatchObject({ stderr: 'No resources found in nowhere namespace.\n', exitCode: 0 });
  });
});

describe('kubectl changes the world', () => {
  it('scales, and curl says what a Service without endpoints says', () => {
    const world = openArticle();
    expect(runLine(world, 'kubectl scale deployment web --replicas=0').stdout).toBe('deployment.apps/web scaled\n');
    expect(runLine(world, 'kubectl exec client -- curl -sS -m 20 web-service').exitCode).toBe(7);
    runLine(world, 'kubectl scale deployment web --replicas=5');
    expect(runLine(world, 'kubectl get pods -l app=web --no-headers | wc -l').stdout).toBe('5\n');
  });

  it('applies from a here-document, a file and a pipe, and deletes again', () => {
    const world = openArticle();
    const manifest = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: demo\ndata:\n  a: "1"';
    expect(runLine(world, `kubectl apply -f - <<EOF\n${manifest}\nEOF`).output).toBe('configmap/demo created\n');
    expect(runLine(world, `cat > demo.yaml <<EOF\n${manifest}\nEOF\nkubectl apply -f demo.yaml`).output).toBe('configmap/demo unchanged\n');
    expect(runLine(world, `sed 's/"1"/"2"/' demo.yaml | kubectl apply -f -`).output).toBe('configmap/demo configured\n');
    expect(runLine(world, 'kubectl delete -f demo.yaml').exitCode).toBe(0);
    expect(runLine(world, 'kubectl get cm demo').exitCode).toBe(1);
  });

  it('prints what it would make with --dry-run=client -o yaml', () => {
    const world = openArticle();
    expect(runLine(world, 'kubectl create deployment api --image=nginx --port=80 --dry-run=client -o yaml').stdout).toBe(`apiVersion: apps/v1
kind: Deployment
metadata:
  labels:
    app: api
  name: api
spec:
  replicas: 1
  selector:
    matchLabels:
      app: api
  strategy: {}
  template:
    metadata:
      labels:
        app: api
    spec:
      containers:
      - image: nginx
        name: nginx
        ports:
        - containerPort: 80
        resources: {}
status: {}
`);
    expect(runLine(world, 'kubectl get deploy api').exitCode).toBe(1);
  });

  it('labels, annotates, patches, sets images and rolls back', () => {
    const world = openArticle();
    expect(runLine(world, 'kubectl label pod client tier=test').stdout).toBe('pod/client labeled\n');
    expect(runLine(world, 'kubectl label pod client tier=other').stderr).toBe("error: 'tier' already has a value (test), and --overwrite is false\n");
    expect(runLine(world, 'kubectl label pod client tier-').stdout).toBe('pod/client unlabeled\n');
    expect(runLine(world, `kubectl patch svc web-service -p '{"spec":{"ports":[{"port":80,"targetPort":81}]}}'`).stdout).toBe('service/web-service patched\n');
    expect(runLine(world, 'kubectl get svc web-service -o jsonpath={.spec.ports[0].targetPort}').stdout).toBe('81');
    expect(runLine(world, 'kubectl set image deployment/web nginx=nginx:1.29').stdout).toBe('deployment.apps/web image updated\n');
    expect(runLine(world, 'kubectl rollout status deployment/web').stdout).toMatch(/deployment "web" successfully rolled out\n$/);
    expect(runLine(world, 'kubectl rollout undo deployment/web').stdout).toBe('deployment.apps/web rolled back\n');
    expect(runLine(world, 'kubectl get deploy web -o jsonpath={.spec.template.spec.containers[0].image}').stdout).toBe('nginx');
    expect(runLine(world, 'kubectl cordon node01 && kubectl get node node01 --no-headers').stdout).toMatch(
      /^node\/node01 cordoned\nnode01 {3}Ready,SchedulingDisabled/,
    );
  });

  it('waits for conditions, and for nothing no longer than the time-out', () => {
    const world = openArticle();
    expect(runLine(world, 'kubectl wait --for=condition=Ready pod/client').stdout).toBe('pod/client condition met\n');
    const before = world.nowNs;
    expect(runLine(world, 'kubectl wait --for=delete pod/client --timeout=5s')).toMatchObject({
      stderr: 'error: timed out waiting for the condition on pods/client\n',
      exitCode: 1,
    });
    expect(Math.round((world.nowNs - before) / 1e9)).toBe(5);
  });

  it('watches until Ctrl-C, while another session changes things', () => {
    const world = openArticle();
    world.openSession('other', { host: 'controlplane' });
    const from = world.terminalLength;
    world.command('other', 'kubectl get pods -l app=web -w');
    expect(world.sessions().find((view) => view.id === 'other')).toMatchObject({ busy: true, endless: true });
    runLine(world, 'kubectl scale deploy web --replicas=4');
    world.interrupt('other');
    const text = world
      .terminalFrom(from)
      .filter((entry) => entry.session === 'other' && entry.kind === 'stdout')
      .map((entry) => entry.text)
      .join('');
    expect(text.split('\n').filter((line) => line.startsWith('web-')).length).toBeGreaterThanOrEqual(4);
    expect(text).toContain('^C');
  });

  it('reads logs of what a server printed', () => {
    const world = openArticle();
    runLine(world, 'kubectl exec client -- curl -s 10.244.1.3');
    expect(runLine(world, 'kubectl logs -l app=web').stdout).toMatch(
      /^10\.244\.0\.\d+ - - \[04\/Apr\/2026:09:15:\d\d \+0000\] "GET \/ HTTP\/1\.1" 200 \d+ "-" "curl\/[^"]+"/m,
    );
  });

  it('completes verbs, kinds, names, namespaces and flags', () => {
    const world = openArticle();
    const complete = (line: string): readonly string[] => world.complete('main', line, line.length).candidates;
    expect(complete('kubectl get deplo')).toEqual(['deployments']);
    expect(complete('kubectl describe svc we')).toEqual(['web-service']);
    expect(complete('kubectl get pods -n kube-f')).toEqual(['kube-flannel']);
    expect(complete('kubectl logs cli')).toEqual(['client']);
    expect(complete('kubectl get pods --show-l')).toEqual(['--show-labels']);
    expect(complete('kubectl set im')).toEqual(['image']);
    expect(complete('kubectl config get-c')).toEqual(['get-clusters', 'get-contexts']);
    expect(complete('kubectl logs client -c n')).toEqual(['netshoot']);
    expect(complete('kubectl logs client ne')).toEqual(['netshoot']);
    expect(complete('kubectl top n')).toEqual(['node']);
    expect(complete('kubectl apply -f web')).toEqual(['web.yaml']);
  });
});

describe('the pieces', () => {
  it('ages are kubectl’s', () => {
    const cases: readonly (readonly [number, string])[] = [
      [0, '0s'],
      [119, '119s'],
      [120, '2m'],
      [163, '2m43s'],
      [600, '10m'],
      [10_799, '179m'],
      [10_800, '3h'],
      [18_720, '5h12m'],
      [86_400, '24h'],
      [172_800, '2d'],
      [180_000, '2d2h'],
      [700_000, '8d'],
      [63_072_000, '2y'],
    ];
    for (const [seconds, text] of cases) expect(humanDuration(seconds)).toBe(text);
  });

  it('tab stops align blocks of neighbouring lines only', () => {
    expect(renderTabs('Name:\tx\nLong title:\ty\n\nA:\tz\n')).toBe('Name:        x\nLong title:  y\n\nA:  z\n');
    expect(renderTabs('a\tb\tc\nlonger\td\nnone\n')).toBe('a       b  c\nlonger  d\nnone\n');
  });

  it('JSONPath knows ranges, filters, slices and recursion', () => {
    const value = {
      items: [
        { name: 'a', n: 1, tags: ['x', 'y'] },
        { name: 'b', n: 2 },
      ],
    };
    const render = (template: string): string => renderJsonPath(parseJsonPath(template), value);
    expect(render('{.items[*].name}')).toBe('a b');
    expect(render('{range .items[*]}{.name}={.n};{end}')).toBe('a=1;b=2;');
    expect(render('{.items[?(@.n>1)].name}{"\\t"}{.items[-1].name} {.items[0].tags[0:1]}')).toBe('b\tb x');
    expect(render('{..name}')).toBe('a b');
    expect(render("{.items[?(@.name=='a')].tags}")).toBe('["x","y"]');
    expect(render('{.nope.deeper}|{.items[0].nope}')).toBe('|');
  });

  it('JSONPath never hangs or throws anything but its own error', () => {
    const piece = fc.constantFrom('{', '}', '.', '..', '[', ']', '*', '?(', '@', ')', '"', "'", 'range ', 'end', 'a', '0', ':', '-1', ' ', '==', '\\');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        try {
          renderJsonPath(parseJsonPath(pieces.join('')), { a: [{ a: 1 }] });
        } catch (error) {
          expect((error as Error).constructor.name).toBe('JsonPathError');
        }
      }),
      { numRuns: 1000 },
    );
  });
});
