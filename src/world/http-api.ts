/** The API server of a world as HTTP sees it: requests in, answers out, and the changes that a watch reports. */
import type { ApiRequest, ApiResponse, WatchRequest } from '../objects/http/exchange.ts';
import { type Backend, handle } from '../objects/http/handle.ts';
import type { KubeObject, RowContext } from '../objects/types.ts';
import type { World } from './world.ts';

export type { ApiRequest, ApiResponse, WatchRequest };

export interface HttpApiOptions {
  /** What `/version` says. */
  readonly version: string;
  readonly age: RowContext['age'];
  readonly logs: Backend['logs'];
}

export function answer(world: World, options: HttpApiOptions, request: ApiRequest): ApiResponse {
  return handle(
    {
      version: options.version,
      api: world.api,
      rowContext: { nowNs: world.nowNs, view: world.api.view, age: options.age },
      write: (change) => world.write(change),
      logs: options.logs,
    },
    request,
  );
}

export type WatchEventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';

/** Remembers what a watcher has been told, by key the version; `news` gives what has changed since. */
export class Watcher {
  readonly #world: World;
  readonly #request: WatchRequest;
  readonly #known = new Map<string, KubeObject>();
  #first = true;
  #bookmarked = false;

  constructor(world: World, request: WatchRequest) {
    this.#world = world;
    this.#request = request;
    const { since } = request;
    if (since === undefined) return;
    for (const object of this.#objects()) if (Number(object.metadata.resourceVersion ?? 0) <= since) this.#known.set(keyOf(object), object);
  }

  #objects(): readonly KubeObject[] {
    return this.#world.api.view.list(this.#request.kind, this.#request.namespace).filter(this.#request.accepts);
  }

  /** Watch events since the last call, in order of resourceVersion; deletions come first. */
  news(): readonly { readonly type: WatchEventType; readonly object: unknown }[] {
    const now = new Map(this.#objects().map((object) => [keyOf(object), object]));
    const events: { type: WatchEventType; object: unknown }[] = [];
    const tell = (type: WatchEventType, object: KubeObject): void => {
      events.push({ type, object: this.#request.shape(object, this.#first) });
      this.#first = false;
    };
    for (const [key, object] of this.#known) {
      if (now.get(key)?.metadata.uid === object.metadata.uid) continue;
      this.#known.delete(key);
      tell('DELETED', object);
    }
    const changed = [...now].filter(([key, object]) => this.#known.get(key) !== object);
    changed.sort(([, a], [, b]) => Number(a.metadata.resourceVersion ?? 0) - Number(b.metadata.resourceVersion ?? 0));
    for (const [key, object] of changed) {
      tell(this.#known.has(key) ? 'MODIFIED' : 'ADDED', object);
      this.#known.set(key, object);
    }
    if (!this.#bookmarked && this.#request.bookmark !== undefined) events.push({ type: 'BOOKMARK', object: this.#request.bookmark() });
    this.#bookmarked = true;
    return events;
  }
}

const keyOf = (object: KubeObject): string => `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
