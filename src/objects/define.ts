/** The words with which kinds, controllers and agents are declared, one file each. */
import type { Agent, Controller, Kind, KubeObject } from './types.ts';

/**
 * A kind whose functions see their own type. The store hands a kind only objects that its schema has decoded, so the type is
 * erased here, once, and contents pages are plain lists.
 */
export function defineKind<T extends KubeObject>(kind: Kind<T>): Kind {
  return kind as unknown as Kind;
}

export function defineController(controller: Controller): Controller {
  return controller;
}

export function defineAgent<R>(agent: Agent<R>): Agent<R> {
  return agent;
}
