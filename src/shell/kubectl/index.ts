/** The contents page of kubectl's verbs. */
import type { Command } from '../command.ts';
import { apply, replace } from './apply.ts';
import { attach } from './attach.ts';
import { auth } from './auth.ts';
import { autoscale } from './autoscale.ts';
import { bundledManifest } from './bundled/index.ts';
import { annotate, deleteVerb, label, patch, scale } from './change.ts';
import { kubectlCommand, type VerbGroups } from './command.ts';
import { completeKubectl } from './complete.ts';
import { config } from './config.ts';
import { create } from './create.ts';
import { debug } from './debug.ts';
import { describe } from './describe.ts';
import { diff } from './diff.ts';
import { edit } from './edit.ts';
import { exec } from './exec.ts';
import { expose } from './expose.ts';
import { get } from './get.ts';
import { apiResources, apiVersions, clusterInfo, events, explain, version, wait } from './info.ts';
import { logs } from './logs.ts';
import { certificate, completion, cp, kustomize, options, plugin, proxy } from './missing.ts';
import { cordon, drain, taint, uncordon } from './nodes.ts';
import { portForward } from './port-forward.ts';
import { rollout } from './rollout.ts';
import { run } from './run.ts';
import { set } from './set.ts';
import { top } from './top.ts';

const groups: VerbGroups = [
  ['Basic Commands (Beginner)', [create, expose, run, set]],
  ['Basic Commands (Intermediate)', [explain, get, edit, deleteVerb]],
  ['Deploy Commands', [rollout, scale, autoscale]],
  ['Cluster Management Commands', [certificate, clusterInfo, top, cordon, uncordon, drain, taint]],
  ['Troubleshooting and Debugging Commands', [describe, logs, attach, exec, portForward, proxy, cp, auth, debug, events]],
  ['Advanced Commands', [diff, apply, patch, replace, wait, kustomize]],
  ['Settings Commands', [label, annotate, completion]],
  ['Other Commands', [apiResources, apiVersions, config, plugin, version]],
];

export const kubectl: Command = kubectlCommand(
  groups,
  [options],
  (verbs) => (words, current, invocation) => completeKubectl(verbs, words, current, invocation),
  bundledManifest,
);
