/** A program on a device's hook, with the host's maps that it works on. */
import type { BpfProgram } from './bpf-records.ts';
import type { BpfState } from './bpf-state.ts';

export interface TcHook {
  readonly program: Extract<BpfProgram, { hook: 'tcx/ingress' | 'tcx/egress' }>;
  readonly state: BpfState;
}
