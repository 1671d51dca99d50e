import { describe, expect, it } from 'vitest';
import { TestCluster } from '../testing/cluster.ts';
import { serviceYaml } from '../testing/manifests.ts';
import type { Service } from './types.ts';

const cluster = (ranges: string) =>
  new TestCluster().apply(`apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nnetworking: {serviceSubnet: "${ranges}", podSubnet: 10.244.0.0/16}`);
const one = () => cluster('10.96.0.0/16');
const dual = () => cluster('10.96.0.0/16,fd00:10:96::/112');
const six = () => cluster('fd00:10:96::/112,10.96.0.0/16');
const web = (spec: string) => serviceYaml('web', `{${spec}${spec === '' ? '' : ', '}ports: [{port: 80}]}`);

function given(where: TestCluster, spec: string) {
  const { ipFamilyPolicy, ipFamilies, clusterIPs } = where.apply(web(spec)).get<Service>('Service/default/web').spec;
  return [ipFamilyPolicy, (ipFamilies ?? []).join(), (clusterIPs ?? []).map((ip) => (ip === 'None' ? ip : ip.includes(':') ? 6 : 4)).join()];
}
const refused = (where: TestCluster, spec: string) => where.refusal(web(spec)).message.replace(/^Service "web" is invalid: /, '');
const HEADLESS = 'clusterIP: None';
const selector = 'selector: {app: web}';

/** As https://kubernetes.io/docs/concepts/services-networking/dual-stack/ tells, and upstream's alloc.go. */
describe('the families of a new Service', () => {
  it.each([
    ['', one, ['SingleStack', 'IPv4', '4']],
    ['', dual, ['SingleStack', 'IPv4', '4']],
    ['', six, ['SingleStack', 'IPv6', '6']],
    ['ipFamilyPolicy: PreferDualStack', one, ['PreferDualStack', 'IPv4', '4']],
    ['ipFamilyPolicy: PreferDualStack', dual, ['PreferDualStack', 'IPv4,IPv6', '4,6']],
    ['ipFamilyPolicy: RequireDualStack', six, ['RequireDualStack', 'IPv6,IPv4', '6,4']],
    ['ipFamilyPolicy: PreferDualStack, ipFamilies: [IPv6]', dual, ['PreferDualStack', 'IPv6,IPv4', '6,4']],
    ['ipFamilies: [IPv6]', dual, ['SingleStack', 'IPv6', '6']],
    ['clusterIP: "fd00:10:96::77"', dual, ['SingleStack', 'IPv6', '6']],
    ['ipFamilyPolicy: PreferDualStack, clusterIPs: ["fd00:10:96::77", 10.96.0.77]', dual, ['PreferDualStack', 'IPv6,IPv4', '6,4']],
    [`${HEADLESS}, ${selector}`, dual, ['SingleStack', 'IPv4', 'None']],
    [HEADLESS, one, ['RequireDualStack', 'IPv4,IPv6', 'None']],
    [`${HEADLESS}, ipFamilyPolicy: SingleStack`, six, ['SingleStack', 'IPv6', 'None']],
  ] as const)('%s', (spec, where, wanted) => expect(given(where(), spec)).toEqual(wanted));
});

describe('what the API server refuses', () => {
  it.each([
    ['ipFamilyPolicy: RequireDualStack', one, 'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services'],
    ['ipFamilies: [IPv6]', one, 'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster'],
    ['clusterIP: "fd00::1"', one, 'spec.clusterIPs[0]: Invalid value: ["fd00::1"]: IPv6 is not configured on this cluster'],
    [
      'ipFamilies: [IPv4, IPv6]',
      dual,
      "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified",
    ],
    ['ipFamilyPolicy: PreferDualStack, ipFamilies: [IPv4, IPv4]', dual, 'spec.ipFamilies[1]: Duplicate value: "IPv4"'],
    [
      'ipFamilyPolicy: PreferDualStack, clusterIPs: [10.96.0.7, 10.96.0.8]',
      dual,
      'spec.clusterIPs: Invalid value: ["10.96.0.7","10.96.0.8"]: may specify no more than one IP for each IP family',
    ],
    [
      'ipFamilies: [IPv6], clusterIP: 10.96.0.7',
      dual,
      'spec.clusterIPs[0]: Invalid value: "10.96.0.7": expected an IPv6 value as indicated by `ipFamilies[0]`',
    ],
  ] as const)('%s', (spec, where, words) => expect(refused(where(), spec)).toBe(words));
});

describe('an update', () => {
  it('adds the second family and takes it back by its policy', () => {
    const where = dual();
    expect(given(where, '')).toEqual(['SingleStack', 'IPv4', '4']);
    expect(given(where, 'ipFamilyPolicy: RequireDualStack')).toEqual(['RequireDualStack', 'IPv4,IPv6', '4,6']);
    expect(given(where, 'ipFamilyPolicy: SingleStack')).toEqual(['SingleStack', 'IPv4', '4']);
  });

  it('does not change the first family', () => {
    const where = dual();
    given(where, '');
    expect(refused(where, 'ipFamilies: [IPv6]')).toContain('may not change once set');
  });
});
