/** Another pod network for the world on the page, as a change of one text: one word of a kind cluster, flannel's back end, or another CNI's manifests in the place of those that are there. */

import { formatCidr } from '../../kube/addresses.ts';
import { cniManifest, NEEDS_NODES } from '../../kube/cni/choice.ts';
import { CNI_NAMES, type CniName } from '../../kube/cni/choice-names.ts';
import { CNI_WORDS } from '../../kube/cni/choice-words.ts';
import { clusterSettings } from '../../kube/node/cluster-config.ts';
import { underlayOf } from '../../kube/node/cluster-network.ts';
import type { DocumentFile } from '../document.ts';
import { CNI_NAME, wantedNetwork } from '../kind-cluster.ts';
import { ownText } from '../reach/fixed-world.ts';
import { insertTopField, setScalar } from '../reach/text-edit.ts';
import type { World } from '../world.ts';
import type { Action } from './action-views.ts';

type Edit = NonNullable<Action['edit']>;

/** Where nothing of the reader's own says which network there is. */
const OWN_FILE = 'network.yaml';
/** flannel's back end in net-conf.json. */
const BACKEND = /("Backend":\s*)(\{[^{}]*\})/;
/** Kinds of Calico's that belong to a way of joining nodes, whatever they are called. */
const WAY_KINDS = /^kind: (?:IPPool|BGPConfiguration|BGPPeer|CniConfig)\s*$/m;
const NAMED = new RegExp(`^ {2}name(?:space)?: \\S*(?:${CNI_NAME.source})|^metadata: \\{.*name: \\S*(?:${CNI_NAME.source})`, 'm');

/** An action without an edit is the way that the world has now. */
export function networkChoices(world: World): readonly Action[] {
  return CNI_NAMES.flatMap((name): Action[] => {
    const edit = inKindCluster(world, name) ?? inManifests(world, name);
    if (edit === undefined) return [];
    const [title, because] = CNI_WORDS[name];
    return [{ title, because, ...(edit.before === edit.after ? {} : { edit }) }];
  });
}

const kindClusterOf = (world: World) => world.api.view.list('Cluster')[0];

function inKindCluster(world: World, name: CniName): Edit | undefined {
  const cluster = kindClusterOf(world);
  const own = cluster === undefined ? undefined : ownText(world, `Cluster/${cluster.metadata.name}`);
  if (own === undefined || hasManifests(world.files)) return undefined;
  const { file } = own.source;
  const text = world.files.find((one) => one.path === file)?.text ?? '';
  if (wantedNetwork([own]) === name) return { file, before: text, after: text };
  return setScalar(world.files, own, 'networking', 'cni', name) ?? insertTopField(world.files, own, 'apiVersion', `networking:\n  cni: ${name}`);
}

const documentsOf = (text: string): readonly string[] => text.split(/^---[ \t]*\n/m);
const isNetwork = (document: string): boolean => WAY_KINDS.test(document) || NAMED.test(document);
const hasDaemon = (text: string): boolean => documentsOf(text).some((document) => /^kind: (?:DaemonSet|CniConfig)\s*$/m.test(document) && isNetwork(document));
const hasManifests = (files: readonly DocumentFile[]): boolean => files.some((file) => hasDaemon(file.text));

function inManifests(world: World, name: CniName): Edit | undefined {
  if (NEEDS_NODES.has(name) || (kindClusterOf(world) !== undefined && !hasManifests(world.files))) return undefined;
  const settings = clusterSettings(world.api.view);
  const range = settings.podCidr;
  const podCidr = range === undefined ? '10.244.0.0/16' : formatCidr(range);
  const manifest = cniManifest(name, { podCidr, podCidr6: settings.podCidr6, gateway: underlayOf(world.api.view).gateway });
  const file = world.files.find((one) => hasDaemon(one.text));
  if (file === undefined) return { file: OWN_FILE, before: null, after: manifest };
  const before = file.text;
  // flannel stays flannel: its back end alone is another.
  const backend = BACKEND.exec(manifest);
  const current = BACKEND.exec(before);
  if (backend !== null && current !== null)
    return { file: file.path, before, after: before.replace(BACKEND, (_, head: string, old: string) => `${head}${merged(old, backend[2] ?? '')}`) };
  const kept = documentsOf(before).filter((document) => document.trim() !== '' && !isNetwork(document));
  return { file: file.path, before, after: [...kept.map((document) => (document.endsWith('\n') ? document : `${document}\n`)), manifest].join('---\n') };
}

/** The wanted back end, in the old one's lines where its fields are the same. */
function merged(old: string, wanted: string): string {
  const fields = (text: string): string => [...text.matchAll(/"(\w+)":/g)].map((match) => match[1]).join();
  const type = /"Type": ("[\w-]+")/.exec(wanted)?.[1] ?? '';
  if (fields(old) === fields(wanted)) return old.replace(/("Type":\s*)"[\w-]*"/, (_, head: string) => `${head}${type}`);
  return wanted;
}
