/** The kind CniConfig: files that somebody puts into /etc/cni/net.d of nodes, or takes away there, beside what a CNI's daemon installs. */
import { defineKind } from '../../objects/define.ts';
import type { KubeObject, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { invalid } from '../field-errors.ts';
import { findNode } from '../node/cluster-network.ts';
import { kindSchema, struct, textMap, texts } from '../schema.ts';
import type { NetDirFile } from './net-conf.ts';

export interface CniConfig extends KubeObject {
  readonly spec?: {
    readonly nodes?: readonly string[];
    readonly files?: Readonly<Record<string, string>>;
    readonly removed?: readonly string[];
  };
}

const FILE_NAME = /^[A-Za-z0-9._-]{1,100}$/;

export const cniConfig = defineKind<CniConfig>({
  apiVersion: 'kubehop.dev/v1alpha1',
  kind: 'CniConfig',
  plural: 'cniconfigs',
  singular: 'cniconfig',
  shortNames: [],
  namespaced: false,
  schema: kindSchema('Files of /etc/cni/net.d: of the first in the order of their names the container runtime reads how it plugs pods in.', {
    spec: struct('The files.', {
      nodes: texts('Names of the nodes that have them; all nodes when absent.'),
      files: textMap(
        "Texts by file name, such as 10-bridge.conflist; {{.PodCIDR}} in them is the node's own range, as in a template of containerd's (conf_template).",
      ),
      removed: texts('Names of files that are taken away, such as one that a daemon has installed.'),
    }),
  }),
  validate: (object) =>
    [
      ...Object.keys(object.spec?.files ?? {}).map((name) => ['files', name] as const),
      ...(object.spec?.removed ?? []).map((name) => ['removed', name] as const),
    ]
      .filter(([, name]) => !FILE_NAME.test(name))
      .map(([field, name]) => invalid(`spec.${field}`, name, 'must be the name of a file, of letters, digits, dots, dashes and underscores')),
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'FILES', priority: 0 },
    { name: 'AGE', priority: 0 },
  ],
  row: (object, context) => [object.metadata.name, Object.keys(object.spec?.files ?? {}).join(',') || '<none>', context.age(object.metadata.creationTimestamp)],
  describe: (object) => ({ title: object.metadata.name, subtitle: Object.keys(object.spec?.files ?? {}).join(', ') }),
});

/** What somebody has made of the directory of a node: later objects (in the order of names, the node's own last) count more. */
export function editedNetDir(node: string, installed: readonly NetDirFile[], view: StoreView): readonly NetDirFile[] {
  const files = new Map(installed.map((file) => [file.name, file]));
  const rank = (object: CniConfig): string => (object.metadata.name === node ? '\uffff' : object.metadata.name);
  const edits = view.list<CniConfig>('CniConfig').filter((object) => object.spec?.nodes === undefined || object.spec.nodes.includes(node));
  for (const object of [...edits].sort((a, b) => (rank(a) < rank(b) ? -1 : 1))) {
    for (const name of object.spec?.removed ?? []) files.delete(name);
    for (const [name, text] of Object.entries(object.spec?.files ?? {})) files.set(name, { name, text: filled(text, node, view), by: objectKey(object) });
  }
  return [...files.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** containerd: internal/cri/server/update_runtime_config.go, cniConfigTemplate */
function filled(text: string, name: string, view: StoreView): string {
  if (!text.includes('{{')) return text;
  const node = findNode(name, view);
  const ranges = [node?.podCidr, node?.podCidr6].filter((range) => range !== undefined);
  return text.replace(/\{\{\s*(?:\.PodCIDR|index \.PodCIDRRanges (\d))\s*\}\}/g, (_, index: string | undefined) => ranges[Number(index ?? 0)] ?? '');
}
