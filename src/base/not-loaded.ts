/** What a page fetches after its first picture, and that something wanted it before it had come. */

/** Thrown where a part is known by name and its code has not been loaded: nothing that was under way counts, the world has to be opened again with all parts. */
export class NotLoaded extends Error {
  constructor(part: string) {
    super(`${part} has not been loaded yet`);
    this.name = 'NotLoaded';
  }
}
