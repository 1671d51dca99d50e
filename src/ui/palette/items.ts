/** What the palette can do: boxes to go to, commands to run, switches, lessons; and how typed letters choose among them. */
import type { Topology } from '../../world/views.ts';
import type { LessonEntry } from '../learn/catalogue.ts';
import type { Scenario } from '../learn/scenario.ts';
import { newDocumentId } from '../state/new-id.ts';
import type { Playground } from '../state/playground.ts';
import { exampleOpening, loadExampleOpening } from '../state/start.ts';

export interface PaletteItem {
  readonly id: string;
  readonly group: 'Go to' | 'Ask' | 'Run' | 'Show' | 'Learn' | 'Document';
  readonly label: string;
  readonly detail: string;
  act(playground: Playground): void;
}

const commands: readonly string[] = [
  'kubectl exec client -- curl -s web-service',
  'kubectl get pods -A -o wide',
  'kubectl describe service web-service',
  'kubectl exec client -- nslookup web-service',
  'kubectl scale deployment web --replicas=0',
  'kubectl scale deployment web --replicas=3',
  'iptables-save',
  'ip route',
  'bridge fdb show',
  'conntrack -L',
];

function boxes(topology: Topology): PaletteItem[] {
  return [
    ...topology.netnses.map(
      (netns): PaletteItem => ({
        id: netns.id,
        group: 'Go to',
        label: netns.title,
        detail: netns.type === 'pod' ? `pod · ${netns.ip}` : `host · ${netns.ip}`,
        act: (playground) => playground.select({ kind: 'netns', id: netns.id }),
      }),
    ),
    ...topology.services.map(
      (service): PaletteItem => ({
        id: service.objectKey,
        group: 'Go to',
        label: service.name,
        detail: `Service · ${service.clusterIp}`,
        act: (playground) => playground.select({ kind: 'object', key: service.objectKey }),
      }),
    ),
    ...topology.devices
      .filter((device) => device.type !== 'loopback' && device.type !== 'veth' && device.type !== 'ethernet')
      .map(
        (device): PaletteItem => ({
          id: device.id,
          group: 'Go to',
          label: device.name,
          detail: `${device.type} · ${device.netns.split('/')[0]}`,
          act: (playground) => playground.select({ kind: 'device', id: device.id }),
        }),
      ),
  ];
}

const switches: readonly PaletteItem[] = [
  ...(['wires', 'services', 'policy'] as const).map(
    (lens): PaletteItem => ({ id: `lens-${lens}`, group: 'Show', label: `Lens: ${lens}`, detail: '', act: ({ session }) => session.setState({ lens }) }),
  ),
  ...(['light', 'dark', 'system'] as const).map(
    (theme): PaletteItem => ({
      id: `theme-${theme}`,
      group: 'Show',
      label: `Theme: ${theme}`,
      detail: '',
      act: (playground) => {
        playground.session.setState({ theme });
        void playground.savePreferences();
      },
    }),
  ),
  { id: 'share', group: 'Document', label: 'Share …', detail: 'a link with everything in it', act: ({ session }) => session.setState({ dialog: 'share' }) },
  { id: 'embed', group: 'Document', label: 'Embed …', detail: 'for a page of yours', act: ({ session }) => session.setState({ dialog: 'embed' }) },
  {
    id: 'documents',
    group: 'Document',
    label: 'Documents …',
    detail: 'open, rename, download',
    act: ({ session }) => session.setState({ dialog: 'documents' }),
  },
  {
    id: 'outline',
    group: 'Document',
    label: 'Objects in the files …',
    detail: 'kinds and names, jump',
    act: ({ session }) => session.setState({ dialog: 'outline' }),
  },
  { id: 'changes', group: 'Document', label: 'Changes …', detail: 'what differs, and back', act: ({ session }) => session.setState({ dialog: 'changes' }) },
  { id: 'import', group: 'Document', label: 'Add files …', detail: 'a folder, a cluster dump', act: ({ session }) => session.setState({ dialog: 'import' }) },
  {
    id: 'suggest',
    group: 'Document',
    label: 'Suggest policies from what was seen …',
    detail: 'least privilege, previewed',
    act: ({ session }) => session.setState({ dialog: 'suggest' }),
  },
  {
    id: 'network',
    group: 'Document',
    label: 'Change the pod network …',
    detail: 'CNI: flannel, Calico, Cilium',
    act: ({ session }) => session.setState({ dialog: 'network' }),
  },
  {
    id: 'ways-in',
    group: 'Document',
    label: 'Ingress to Gateway API …',
    detail: 'convert, roles',
    act: ({ session }) => session.setState({ dialog: 'ways-in' }),
  },
  { id: 'undo', group: 'Document', label: 'Undo', detail: 'Ctrl Z', act: (playground) => playground.undo() },
  { id: 'compare', group: 'Show', label: 'Compare two roads …', detail: 'overlay and underlay', act: ({ session }) => session.setState({ dialog: 'compare' }) },
  ...(
    [
      ['compare', 'Two runs side by side …', 'before and after an edit, another future'],
      ['bytes', 'Bytes of the packet', 'hex joined to fields'],
      ['sequence', 'Sequence of the packets', 'as a diagram, Mermaid'],
      ['conversations', 'Conversations', 'who spoke with whom'],
      ['hops', 'List of hops', ''],
    ] as const
  ).map(
    ([timelineView, label, detail]): PaletteItem => ({
      id: `view-${timelineView}`,
      group: 'Show',
      label,
      detail,
      act: ({ session }) => session.setState({ timelineView, pane: 'timeline' }),
    }),
  ),
  {
    id: 'moments',
    group: 'Show',
    label: 'Bookmarks and other futures …',
    detail: 'go there, compare',
    act: ({ session }) => session.setState({ dialog: 'moments' }),
  },
  {
    id: 'first-drop',
    group: 'Show',
    label: 'First drop',
    detail: 'of the run that is shown',
    act: (playground) => {
      playground.playback.seek(-1);
      if (!playground.playback.stepDrop(1)) playground.notify('No packet is dropped in this run.');
    },
  },
  {
    id: 'control',
    group: 'Show',
    label: 'Control plane',
    detail: 'watches, lag, who did what',
    act: ({ session }) => session.setState({ sheet: 'control', pane: 'canvas' }),
  },
  {
    id: 'build',
    group: 'Document',
    label: 'Build on the canvas',
    detail: 'pods, policies',
    act: ({ session }) => session.setState({ sheet: 'build', pane: 'canvas' }),
  },
  {
    id: 'layers',
    group: 'Show',
    label: 'Layers …',
    detail: 'L2 to L7, control plane',
    act: ({ session }) => session.setState({ sheet: 'layers', pane: 'canvas' }),
  },
  {
    id: 'groups',
    group: 'Show',
    label: 'Group pods …',
    detail: 'namespace, label, node',
    act: ({ session }) => session.setState({ sheet: 'groups', pane: 'canvas' }),
  },
  { id: 'focus', group: 'Show', label: 'Focus on one packet', detail: 'F', act: ({ session }) => session.setState(({ focus }) => ({ focus: !focus })) },
  { id: 'keys', group: 'Show', label: 'Keys …', detail: '?', act: ({ session }) => session.setState({ dialog: 'keys' }) },
  {
    id: 'article',
    group: 'Document',
    label: 'New: the article’s cluster',
    detail: '',
    act: (playground) => {
      const opening = exampleOpening('article', newDocumentId);
      if (opening !== undefined) void playground.open(opening);
    },
  },
];

async function openWorld(playground: Playground, slug: string): Promise<void> {
  const opening = await loadExampleOpening(slug, newDocumentId).catch(() => undefined);
  if (opening === undefined) playground.notify('This world could not be fetched; try again when you are connected.', 'problem');
  else await playground.open(opening);
}

export function paletteItems(
  topology: Topology,
  lessons: readonly LessonEntry[],
  worlds: readonly Pick<Scenario, 'slug' | 'title'>[] = [],
): readonly PaletteItem[] {
  return [
    ...boxes(topology),
    ...commands.map(
      (line): PaletteItem => ({ id: `run-${line}`, group: 'Run', label: line, detail: '', act: (playground) => void playground.run('main', line) }),
    ),
    ...switches,
    ...lessons.map(
      (lesson): PaletteItem => ({
        id: `lesson-${lesson.id}`,
        group: 'Learn',
        label: lesson.title,
        detail: 'lesson',
        act: ({ session }) => session.setState({ mode: 'learn', lesson: lesson.id, lessonStep: 0, pane: 'canvas' }),
      }),
    ),
    ...worlds.map(
      (world): PaletteItem => ({
        id: `world-${world.slug}`,
        group: 'Learn',
        label: world.title,
        detail: 'what goes wrong',
        act: (playground) => void openWorld(playground, world.slug),
      }),
    ),
  ];
}

/** How well the letters fit: the start of the label, the start of a word, anywhere, or in order with gaps. 0: not at all. */
export function fitOf(item: Pick<PaletteItem, 'label' | 'detail'>, letters: string): number {
  const wanted = letters.toLowerCase().trim();
  if (wanted === '') return 1;
  const label = item.label.toLowerCase();
  const all = `${label} ${item.detail.toLowerCase()}`;
  if (label.startsWith(wanted)) return 5;
  if (all.includes(` ${wanted}`) || all.includes(`-${wanted}`)) return 4;
  if (all.includes(wanted)) return 3;
  let at = 0;
  for (const letter of all) if (letter === wanted[at]) at += 1;
  return at === wanted.length ? 1 : 0;
}

/** The best first; equals stay in their order. What fits nothing can still be run as a command line. */
export function choose(items: readonly PaletteItem[], letters: string, limit: number): readonly PaletteItem[] {
  const fits = items
    .map((item, index) => ({ item, index, fit: fitOf(item, letters) }))
    .filter((one) => one.fit > 0)
    .sort((a, b) => b.fit - a.fit || a.index - b.index);
  const line = letters.trim();
  const own: PaletteItem[] =
    line.length > 2 && !items.some((item) => item.label === line)
      ? [{ id: 'run-typed', group: 'Run', label: line, detail: 'run in the terminal', act: (playground) => void playground.run('main', line) }]
      : [];
  const found = fits.map((one) => one.item);
  // Several words are a command line, unless they stand in the name of something here that is none.
  const isLine = line.includes(' ') && !fits.some((one) => one.fit >= 3 && one.item.group !== 'Run');
  return isLine ? [...own, ...found].slice(0, limit) : [...found.slice(0, limit - own.length), ...own];
}
