/** A prompt as the blocks that a model server caches it by: each stands for itself and all before it. vLLM: v1/core/kv_cache_utils.py; endpoint picker: pkg/epp prefix scorer. */

/** 16 tokens of four characters. */
export const BLOCK_CHARACTERS = 64;
const MAX_BLOCKS = 256;

/** Names of the whole blocks of a prompt, in order. */
export function promptBlocks(model: string, prompt: string): readonly string[] {
  const blocks: string[] = [];
  let hash = 0x811c9dc5;
  const mix = (text: string): void => {
    for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  };
  mix(model);
  for (let at = 0; at + BLOCK_CHARACTERS <= prompt.length && blocks.length < MAX_BLOCKS; at += BLOCK_CHARACTERS) {
    mix(prompt.slice(at, at + BLOCK_CHARACTERS));
    blocks.push(hash.toString(36));
  }
  return blocks;
}

export interface Prompt {
  readonly model: string;
  readonly prompt: string;
  readonly maxTokens: number;
}

/** OpenAI's completions and chat completions; undefined for anything else. */
export function readPrompt(body: string): Prompt | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { model, prompt, messages, max_tokens: most } = value as Readonly<Record<string, unknown>>;
  const said = Array.isArray(messages)
    ? messages.map((one) => String((one as { readonly content?: unknown } | null)?.content ?? '')).join('\n')
    : typeof prompt === 'string'
      ? prompt
      : undefined;
  if (said === undefined) return undefined;
  const maxTokens = typeof most === 'number' && Number.isInteger(most) && most > 0 ? Math.min(most, 4096) : 16;
  return { model: typeof model === 'string' ? model : '', prompt: said, maxTokens };
}

/** How many blocks at the beginning of a prompt are among those that are kept. */
export function cachedBlocks(blocks: readonly string[], kept: { has(block: string): boolean }): number {
  const missing = blocks.findIndex((block) => !kept.has(block));
  return missing < 0 ? blocks.length : missing;
}

/** Puts blocks in as the latest; the oldest go. */
export function keepBlocks(kept: ReadonlySet<string>, blocks: readonly string[], most: number): ReadonlySet<string> {
  const next = new Set(kept);
  for (const block of blocks) {
    next.delete(block);
    next.add(block);
  }
  for (const block of next) {
    if (next.size <= most) break;
    next.delete(block);
  }
  return next;
}
