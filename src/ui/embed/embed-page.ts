/** The embed: reads its address, opens the world, tells one command's packets. No storage, no dialogs; whatever goes wrong is said in words. */
import type { PlaygroundClient } from '../../worker/protocol.ts';
import type { WorldDocument } from '../../world/document.ts';
import type { TerminalEntry, Topology } from '../../world/views.ts';
import { policyPicture } from '../canvas/policy.ts';
import { clusterFiles, findExample } from '../state/examples.ts';
import { Playback } from '../state/playback.ts';
import { decodeShare } from '../state/share-link.ts';
import { applyTheme } from '../theme/theme.ts';
import { Bar } from './bar.ts';
import { element } from './dom.ts';
import { type EmbedParameters, parseEmbedParameters } from './parameters.ts';
import { Stage } from './stage.ts';
import { boxesOf, FIRST_COMMAND, findSpan, readStory, type Story } from './story.ts';

const SESSION = 'main';
const MAX_TERMINAL = 5_000;

type Wanted =
  /** `told`: the page may bring this world's story along, computed by the build. */
  | { readonly kind: 'world'; readonly document: WorldDocument; readonly seq: number | undefined; readonly told: boolean }
  | { readonly kind: 'words'; readonly message: string };

/** The world that the fragment names; the article's when it names none. */
function wantedWorld(fragment: string): Wanted {
  const target = decodeShare(fragment);
  switch (target.kind) {
    case 'document':
      return { kind: 'world', document: target.document, seq: target.moment.seq, told: false };
    case 'none':
    case 'example': {
      const name = target.kind === 'none' ? 'article' : target.name;
      const document = findExample(name);
      return document === undefined
        ? { kind: 'words', message: `There is no built-in world named “${name}” in an embed. Open it in Kubehop, and embed the link that Share gives there.` }
        : { kind: 'world', document, seq: undefined, told: name === 'article' };
    }
    case 'url':
      return {
        kind: 'words',
        message: `This link loads its world from ${new URL(target.url).host}. An embed loads nothing from elsewhere; open it in Kubehop.`,
      };
    case 'broken':
      return { kind: 'words', message: target.message };
  }
}

/** The whole playground with the same world: two folders above. */
function playgroundUrl(): string {
  const url = new URL('../../', location.href);
  return `${url.origin === 'null' ? `${url.protocol}//${url.host}` : url.origin}${url.pathname}${location.hash}`;
}

/** Plays while at least half of the frame is seen and the tab is in front; a reader who pauses stays paused. */
class Attention {
  readonly #playback: Playback;
  #wanted = false;
  #seen = false;

  constructor(root: Element, playback: Playback) {
    this.#playback = playback;
    new IntersectionObserver(
      (entries) => {
        this.#seen = (entries.at(-1)?.intersectionRatio ?? 0) >= 0.5;
        this.#apply();
      },
      { threshold: [0, 0.5] },
    ).observe(root);
    document.addEventListener('visibilitychange', () => this.#apply());
  }

  want(): void {
    this.#wanted = true;
    this.#apply();
  }

  /** The reader took over: what is wanted is what they did last. */
  touched(): void {
    setTimeout(() => {
      this.#wanted = this.#playback.playing;
    }, 0);
  }

  #apply(): void {
    const may = this.#seen && document.visibilityState === 'visible';
    if (may && this.#wanted && !this.#playback.playing) this.#playback.play();
    else if (!may && this.#playback.playing) {
      this.#wanted = true;
      this.#playback.pause();
    }
  }
}

/** Runs the world and takes from its log what one command sent. */
async function runWorld(client: PlaygroundClient, document: WorldDocument, seq: number | undefined): Promise<Story> {
  let topology: Topology | undefined;
  let terminal: TerminalEntry[] = [];
  let headSeq = 0;
  client.subscribe((update) => {
    topology = update.topology ?? topology;
    headSeq = update.headSeq;
    if (update.terminalReset === true) terminal = [];
    terminal = [...terminal, ...(update.terminal ?? [])].slice(-MAX_TERMINAL);
  });
  await client.call('open', document, clusterFiles);
  if (document.inputs.length === 0) await client.call('run', SESSION, FIRST_COMMAND);
  // Endless programs of the document do not run on: the picture is of a moment.
  await client.call('hold', true);
  if (topology === undefined) throw new Error('the simulation told nothing about its boxes');
  const span = findSpan(terminal, headSeq, seq);
  const loader = new Playback(client);
  if (span !== undefined) await loader.load(span.from, span.to);
  return { label: span?.label ?? '', topology, hops: loader.hops() };
}

function say(root: HTMLElement, message: string): void {
  const link = element('a', { class: 'open', href: playgroundUrl(), target: '_blank', rel: 'noopener noreferrer' }, 'Open Kubehop ↗');
  root.replaceChildren(element('div', { class: 'words', role: 'alert' }, element('h1', { class: 'hidden' }, 'Kubehop'), element('p', {}, message), link));
}

function standAt(playback: Playback, parameters: EmbedParameters, seq: number | undefined): void {
  const still = parameters.autoplay && matchMedia('(prefers-reduced-motion: reduce)').matches;
  if (parameters.step !== undefined) playback.seek(parameters.step - 1);
  else if (seq !== undefined) playback.seekToSeq(seq);
  else if (still) playback.seek(playback.hops().length - 1);
}

function listenToKeys(playback: Playback, onTouched: () => void): void {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target;
    if (event.key === ' ' && target instanceof HTMLElement && target.closest('button, a, input') !== null) return;
    const direction = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (event.key === ' ') playback.toggle();
    else if (direction === 0) return;
    else if (event.shiftKey) playback.stepPacket(direction);
    else playback.step(direction);
    event.preventDefault();
    onTouched();
  });
}

function watched(client: PlaygroundClient, root: HTMLElement): PlaygroundClient {
  client.onCrash((message) => say(root, `The simulation stopped. (${message})`));
  return client;
}

/** Starts the embed in `root`. `createClient` is called only when there is a world to open. */
export async function startEmbed(root: HTMLElement, createClient: () => PlaygroundClient): Promise<void> {
  const parameters = parseEmbedParameters(location.search);
  applyTheme(parameters.theme === 'auto' ? 'system' : parameters.theme);
  const wanted = wantedWorld(location.hash);
  // The page may bring a picture of the built-in world's beginning; another world must not start with it.
  if (!/^#?(?:$|x=article)/.test(location.hash)) root.querySelector('.first')?.remove();
  if (wanted.kind === 'words') {
    say(root, wanted.message);
    return;
  }
  try {
    const story =
      (wanted.told ? readStory(document.getElementById('story')) : undefined) ?? (await runWorld(watched(createClient(), root), wanted.document, wanted.seq));
    const { topology, label } = story;
    const playback = new Playback();
    playback.setHops(story.hops);
    const attention = new Attention(root, playback);
    const touched = () => attention.touched();
    playback.setSpeed(parameters.speed);
    playback.setLoop(parameters.loop);
    const stage = new Stage(playback, { lens: parameters.lens, focus: parameters.focus, positions: wanted.document.positions });
    const bar = new Bar(playback, parameters, playgroundUrl(), touched);
    const caption = parameters.caption !== '' ? parameters.caption : parameters.lens === 'policy' ? policyPicture(topology).sentence : '';
    root.replaceChildren(
      element('h1', { class: 'hidden' }, 'A Kubernetes network, packet by packet'),
      stage.root,
      ...(caption === '' ? [] : [element('p', { class: 'caption' }, caption)]),
      ...(parameters.controls === 'none' ? [] : [bar.root]),
    );
    stage.show(topology, boxesOf(topology, playback.hops()));
    standAt(playback, parameters, wanted.seq);
    bar.setIdle(story.hops.length === 0 ? 'Nothing is on its way in this world.' : `${label}: ${story.hops.length} hops. Play shows them.`);
    if (parameters.controls === 'none') {
      stage.root.addEventListener('click', () => {
        playback.toggle();
        touched();
      });
    }
    listenToKeys(playback, touched);
    document.documentElement.dataset.ready = '1';
    if (parameters.autoplay && !matchMedia('(prefers-reduced-motion: reduce)').matches) attention.want();
  } catch (error) {
    say(root, `This world could not be shown: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`);
  }
}
