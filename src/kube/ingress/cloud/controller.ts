/** Controllers of clouds: a balancer with an address of the cloud's for each Ingress of their class, and what they say of it in events. */
import { deepEqual } from '../../../base/equal.ts';
import { defineController } from '../../../objects/define.ts';
import type { ControllerContext, KubeObject, ObjectKey } from '../../../objects/types.ts';
import { objectKey } from '../../../objects/types.ts';
import { namespaceOf } from '../../pod/types.ts';
import type { CloudProvider } from '../../service/load-balancer/kinds.ts';
import { chooseFrom } from '../../service/load-balancer/pools.ts';
import type { Service } from '../../service/types.ts';
import type { Ingress } from '../ingress.ts';
import { backendNames, type CloudClass, cloudClassOf, complaint, machineOf } from './classes.ts';

/** On the machine that stands for a balancer: whose it is. */
export const MACHINE_LABEL = 'kubehop.dev/ingress-load-balancer';
export const MACHINE_OF = 'kubehop.dev/ingress';

interface Machine extends KubeObject {
  readonly spec?: { readonly address?: string };
}

function taken(context: ControllerContext): ReadonlySet<string> {
  const machines = context.view.list<Machine>('Host').flatMap(({ spec }) => (spec?.address === undefined ? [] : [spec.address]));
  const services = context.view
    .list<Service>('Service')
    .flatMap(({ status }) => (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip === undefined ? [] : [ip])));
  return new Set([...machines, ...services]);
}

/** The network's own, its router's and its broadcast address are nobody's. */
function freeAddress(cloud: CloudProvider, used: ReadonlySet<string>): string | undefined {
  const tried = new Set(used);
  for (let i = 0; i < 16; i += 1) {
    const address = chooseFrom(cloud.spec?.addresses ?? [], 'IPv4', tried, false);
    if (address === undefined || !/\.(0|1|255)$/.test(address)) return address;
    tried.add(address);
  }
  return undefined;
}

const FAILED: Readonly<Record<CloudClass['flavour'], readonly [string, string]>> = {
  alb: ['FailedBuildModel', 'Failed build model due to '],
  gce: ['Translate', ''],
  appgw: ['ServiceNotFound', ''],
};
const DONE: Readonly<Record<CloudClass['flavour'], readonly [string, string]>> = {
  alb: ['SuccessfullyReconciled', 'Successfully reconciled'],
  gce: ['Sync', 'Scheduled for sync'],
  appgw: ['ResetIngressStatus', 'Reset IP for Ingress'],
};

function reconcile(key: ObjectKey, context: ControllerContext): void {
  const ingress = context.view.find<Ingress>(key);
  const [cloud] = context.view.list<CloudProvider>('CloudProvider');
  const own = ingress === undefined || ingress.metadata.deletionTimestamp !== undefined ? undefined : cloudClassOf(ingress, context.view);
  for (const machine of context.view.list<Machine>('Host')) {
    if (machine.metadata.annotations?.[MACHINE_OF] !== key) continue;
    if (own === undefined || ingress === undefined || machine.metadata.name !== machineOf(ingress, own)) context.remove(objectKey(machine));
  }
  if (ingress === undefined || own === undefined || cloud === undefined) return;
  for (const name of backendNames(ingress)) {
    const problem = complaint(ingress, name, context.view.find<Service>(`Service/${namespaceOf(ingress)}/${name}`), own);
    if (problem === undefined) continue;
    const [reason, before] = FAILED[own.flavour];
    context.event(ingress, 'Warning', reason, `${before}${problem}`, own.component);
    // What was there before stays as it was.
    return;
  }
  const name = machineOf(ingress, own);
  let machine = context.view.find<Machine>(`Host/${name}`);
  if (machine === undefined) {
    const address = freeAddress(cloud, taken(context));
    if (address === undefined) {
      context.event(ingress, 'Warning', FAILED[own.flavour][0], 'no addresses are left in the cloud', own.component);
      return;
    }
    const metadata = { name, labels: { [MACHINE_LABEL]: own.flavour }, annotations: { [MACHINE_OF]: key, 'kubehop.dev/simplified': own.simplified } };
    machine = context.create({ apiVersion: 'kubehop.dev/v1alpha1', kind: 'Host', metadata, spec: { address } } as KubeObject) as Machine | undefined;
  }
  const ip = machine?.spec?.address;
  if (ip === undefined || deepEqual(ingress.status?.loadBalancer?.ingress ?? [], [{ ip }])) return;
  context.updateStatus({ ...ingress, status: { ...ingress.status, loadBalancer: { ingress: [{ ip }] } } } as KubeObject);
  const [reason, message] = DONE[own.flavour];
  context.event(ingress, 'Normal', reason, message, own.component);
}

export const cloudIngressController = defineController({
  name: 'cloud-ingress',
  watches: ['Ingress', 'IngressClass', 'Service', 'CloudProvider'],
  keysFor: (changed, view) =>
    changed.kind === 'Ingress' ? [objectKey(changed)] : view.list('CloudProvider').length === 0 ? [] : view.list('Ingress').map(objectKey),
  reconcile,
});
