/** The questions of the panes Why? and Reach, each answered in a copy of the world, what can be done on the canvas, and what the control plane did. */
import { actionsFor } from '../world/actions/actions.ts';
import { controlPlane } from '../world/control-plane.ts';
import { flows } from '../world/flows.ts';
import { podPlugView } from '../world/plug-view.ts';
import { checkExpectations } from '../world/reach/expectations.ts';
import { fixesFor } from '../world/reach/fixes.ts';
import { reachPeers } from '../world/reach/peers.ts';
import { policyLens } from '../world/reach/policy-lens.ts';
import { policyAnswer, policyCells } from '../world/reach/policy-verdicts.ts';
import { probe } from '../world/reach/probe.ts';
import { answer, questionAt } from '../world/reach/question.ts';

export const reach = {
  actionsFor,
  answer,
  checkExpectations,
  controlPlane,
  fixesFor,
  flows,
  podPlugView,
  policyAnswer,
  policyCells,
  policyLens,
  probe,
  questionAt,
  reachPeers,
};

export type Reach = typeof reach;
