/** Verdicts as targets: ACCEPT, DROP and RETURN; and TRACE, which asks for what every packet has here: a row for each rule it matched. */
import { ACCEPT, CONTINUE, DROP, defineTarget, RETURN, type TargetDefinition, type Verdict } from '../definition.ts';

const verdict = (name: string, value: Verdict): TargetDefinition =>
  defineTarget({ name, options: [], build: () => ({ name, text: '', listing: '', run: () => value }) });

export const accept = verdict('ACCEPT', ACCEPT);
export const drop = verdict('DROP', DROP);
export const return_ = verdict('RETURN', RETURN);

export const trace = defineTarget({
  name: 'TRACE',
  options: [],
  build: () => ({ name: 'TRACE', continues: true, text: '', listing: '', run: () => CONTINUE }),
});
