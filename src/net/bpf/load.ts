/** BPF records come and go: the host's state, and which device has which program. */
import type { DeviceState } from '../device/device-state.ts';
import type { Core } from '../stack/core.ts';
import type { NetnsState } from '../stack/netns-state.ts';
import type { BpfRecord } from './bpf-records.ts';
import { BpfState } from './bpf-state.ts';

export function loadBpf(core: Core, netns: NetnsState, record: BpfRecord): void {
  let state = core.bpf.get(netns.hostId);
  if (state === undefined) {
    state = new BpfState(netns.hostId);
    core.bpf.set(netns.hostId, state);
  }
  state.put(record);
  attachAgain(core, netns, record);
}

export function unloadBpf(core: Core, netns: NetnsState, record: BpfRecord): void {
  const state = core.bpf.get(netns.hostId);
  if (state === undefined) return;
  state.remove(record);
  attachAgain(core, netns, record);
  if (state.isEmpty) core.bpf.delete(netns.hostId);
}

function attachAgain(core: Core, netns: NetnsState, record: BpfRecord): void {
  if (record.kind !== 'bpf-program' || record.hook === 'cgroup') return;
  const device = netns.deviceByName(record.device);
  if (device !== undefined) attachPrograms(core, device);
}

/** A device has come, or a program: programs wait for their device by name. */
export function attachPrograms(core: Core, device: DeviceState): void {
  device.tcIngress = undefined;
  device.tcEgress = undefined;
  const state = core.bpf.get(device.netns.hostId);
  if (state === undefined) return;
  for (const direction of ['ingress', 'egress'] as const) {
    const program = state.programs.get(`${device.netns.id}/bpf/program/${device.name}/${direction}`);
    if (program === undefined || program.hook === 'cgroup') continue;
    if (direction === 'ingress') device.tcIngress = { program, state };
    else device.tcEgress = { program, state };
  }
}
