/** Verdicts as targets: ACCEPT, DROP and RETURN. */
import { ACCEPT, DROP, defineTarget, RETURN, type TargetDefinition, type Verdict } from '../definition.ts';

const verdict = (name: string, value: Verdict): TargetDefinition =>
  defineTarget({ name, options: [], build: () => ({ name, text: '', listing: '', run: () => value }) });

export const accept = verdict('ACCEPT', ACCEPT);
export const drop = verdict('DROP', DROP);
export const return_ = verdict('RETURN', RETURN);
