/** kubectl config and create token: what the terminal knows of clusters, and what it is given to show who it is. */
import { describe, expect, it } from 'vitest';
import { openArticle, runLine } from '../../world/testing/article.ts';

describe('kubectl config', () => {
  it('keeps contexts: makes, chooses, renames and deletes them', () => {
    const world = openArticle();
    const run = (line: string) => runLine(world, line).output;
    expect(run('kubectl config set-context sys --cluster=kubernetes --user=kubernetes-admin --namespace=kube-system')).toBe('Context "sys" created.\n');
    expect(run('kubectl --context=sys get ds -o name')).toContain('daemonset.apps/kube-proxy\n');
    expect(run('kubectl config use-context sys')).toBe('Switched to context "sys".\n');
    expect(run('kubectl get svc -o name')).toBe('service/kube-dns\n');
    expect(run('kubectl config rename-context sys system')).toBe('Context "sys" renamed to "system".\n');
    expect(run('kubectl config get-contexts')).toBe(
      'CURRENT   NAME                          CLUSTER      AUTHINFO           NAMESPACE\n' +
        '          kubernetes-admin@kubernetes   kubernetes   kubernetes-admin   \n' +
        '*         system                        kubernetes   kubernetes-admin   kube-system\n',
    );
    expect(run('kubectl config delete-context system')).toBe(
      'warning: this removed your active context, use "kubectl config use-context" to select a different one\ndeleted context system from /root/.kube/config\n',
    );
    expect(run('kubectl config delete-context system')).toBe('error: cannot delete context system, not in /root/.kube/config\n');
    expect(run('kubectl get pods')).toBe('The connection to the server localhost:8080 was refused - did you specify the right host or port?\n');
    expect(run('kubectl --context=nosuch get pods')).toBe('Error in configuration: context was not found for specified context: nosuch\n');
    expect(run('kubectl config use-context kubernetes-admin@kubernetes && kubectl get pod client -o name')).toContain('pod/client\n');
  });

  it('keeps clusters and users, hides secrets, and reaches only this cluster', () => {
    const world = openArticle();
    const run = (line: string) => runLine(world, line).output;
    expect(run('kubectl config set-cluster far --server=https://192.0.2.9:6443')).toBe('Cluster "far" set.\n');
    expect(run('kubectl config set-credentials eve --token=secret')).toBe('User "eve" set.\n');
    run('kubectl config set-context far --cluster=far --user=eve; kubectl config use-context far');
    expect(run('kubectl get pods')).toBe('Unable to connect to the server: dial tcp 192.0.2.9:6443: i/o timeout\n');
    expect(run('kubectl config view --minify')).toBe(
      'apiVersion: v1\nclusters:\n- cluster:\n    server: https://192.0.2.9:6443\n  name: far\ncontexts:\n- context:\n    cluster: far\n    user: eve\n  name: far\ncurrent-context: far\nkind: Config\nusers:\n- name: eve\n  user:\n    token: REDACTED\n',
    );
    expect(run('kubectl config unset current-context && kubectl config current-context')).toBe(
      'Property "current-context" unset.\nerror: current-context is not set\n',
    );
    expect(run('kubectl config set-cluster __proto__ --server=http://x && kubectl config get-clusters')).toBe(
      'Cluster "__proto__" set.\nNAME\n__proto__\nfar\nkubernetes\n',
    );
  });

  it('creates tokens with the claims of the service account, signed by nobody', () => {
    const world = openArticle();
    const token = runLine(world, 'kubectl create token default --duration=2h').stdout.trim();
    const [head = '', body = '', signature] = token.split('.');
    expect(JSON.parse(Buffer.from(head, 'base64url').toString())).toEqual({ alg: 'none', typ: 'JWT' });
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString());
    expect(claims.sub).toBe('system:serviceaccount:default:default');
    expect(claims.aud).toEqual(['https://kubernetes.default.svc.cluster.local']);
    expect(claims.exp - claims.iat).toBe(7200);
    expect(claims['kubernetes.io'].serviceaccount.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(signature).toBe('');
    expect(runLine(world, 'kubectl create token default --duration=1m').stderr).toContain('may not specify a duration less than 10 minutes');
    expect(runLine(world, 'kubectl create token nobody').stderr).toBe('error: failed to create token: serviceaccounts "nobody" not found\n');
    expect(runLine(world, 'kubectl cluster-info dump').stderr).toContain('not part of this simulated kubectl');
  });
});
