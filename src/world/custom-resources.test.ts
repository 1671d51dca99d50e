/** Custom resources and server-side apply as a person meets them: in the texts of a world and at its terminal. */
import { describe, expect, it } from 'vitest';
import { articleFiles, openArticle, runLine } from './testing/article.ts';

const definition = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: crontabs.stable.example.com}
spec:
  group: stable.example.com
  scope: Namespaced
  names: {plural: crontabs, singular: crontab, kind: CronTab, shortNames: [ct]}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {cronSpec: {type: string}}}}}}
    additionalPrinterColumns: [{name: Spec, type: string, jsonPath: .spec.cronSpec}]
`;
const resource = (name: string) => `apiVersion: stable.example.com/v1
kind: CronTab
metadata: {name: ${name}}
spec: {cronSpec: "* * * * */5"}
`;

describe('custom resources in the texts of a world', () => {
  it('are known by definitions wherever those stand, and marked as not simulated once', () => {
    const world = openArticle({
      files: [{ path: 'a.yaml', text: `${resource('one')}---\n${resource('two')}` }, ...articleFiles(), { path: 'crd.yaml', text: definition }],
    });
    expect(world.diagnostics.filter((one) => one.severity === 'error')).toEqual([]);
    expect(world.diagnostics.filter((one) => one.code === 'not-simulated' && one.message.startsWith('CronTab'))).toHaveLength(1);
    expect(runLine(world, 'kubectl get ct').stdout).toBe('NAME   SPEC\none    * * * * */5\ntwo    * * * * */5\n');
  });

  it('need their definition first at the terminal', () => {
    const world = openArticle();
    runLine(world, `cat > ct.yaml <<'END'\n${resource('one')}---\n${definition}END`);
    expect(runLine(world, 'kubectl apply -f ct.yaml')).toMatchObject({
      exitCode: 1,
      stderr:
        'error: resource mapping not found for name: "one" namespace: "" from "ct.yaml": no matches for kind "CronTab" in version "stable.example.com/v1"\nensure CRDs are installed first\n',
    });
    expect(runLine(world, 'kubectl apply -f ct.yaml').stdout).toContain('crontab.stable.example.com/one created\n');
    runLine(world, 'kubectl delete crd crontabs.stable.example.com');
    expect(runLine(world, 'kubectl get ct').stderr).toBe('error: the server doesn\'t have a resource type "ct"\n');
  });
});

describe('kubectl apply --server-side', () => {
  it('names the owner of a field in a conflict, and takes it when told to', () => {
    const world = openArticle();
    runLine(world, `cat > scale.yaml <<'END'\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 5}\nEND`);
    const refused = runLine(world, 'kubectl apply --server-side --field-manager=ci -f scale.yaml');
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain(
      'error: Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using apps/v1: .spec.replicas\nPlease review the fields above--they currently have other managers.',
    );
    expect(runLine(world, 'kubectl apply --server-side --field-manager=ci --force-conflicts -f scale.yaml').stdout).toBe(
      'deployment.apps/web serverside-applied\n',
    );
    expect(runLine(world, "kubectl get deploy web -o jsonpath='{.spec.replicas}'").stdout).toBe('5');
  });
});
