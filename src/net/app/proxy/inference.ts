/** Which model server gets a prompt: the one that has read its beginning before, unless others are much idler. gateway-api-inference-extension: pkg/epp/scheduling, scorers prefix-cache, queue and kv-cache-utilization. */
import { cachedBlocks, keepBlocks, promptBlocks, readPrompt } from '../inference/blocks.ts';
import { addressOf } from './balance.ts';
import type { ProxyEndpoint } from './config.ts';
import type { Exchange, ProxyRun } from './run.ts';

/** Of the default profile of the endpoint picker. */
const WEIGHTS = { prefix: 3, queue: 2, cache: 2 };
/** What is remembered of each endpoint's cache, and what that cache is taken to hold. */
const REMEMBERED_BLOCKS = 2048;

/** Undefined where it is no prompt: then turns are taken. */
export function byPrompt(run: ProxyRun, exchange: Exchange, candidates: readonly ProxyEndpoint[]): ProxyEndpoint | undefined {
  const prompt = readPrompt(exchange.request.slice(exchange.request.indexOf('\r\n\r\n') + 4));
  if (prompt === undefined) return undefined;
  const blocks = promptBlocks(prompt.model, prompt.prompt);
  const { prefixes } = run.state;
  const queued = new Map<string, number>();
  for (const { id, address, upstream } of run.state.exchanges.values())
    if (id !== exchange.id && upstream >= 0) queued.set(address, (queued.get(address) ?? 0) + 1);
  const facts = candidates.map((endpoint) => {
    const address = addressOf(endpoint);
    const kept = prefixes.get(`${exchange.backend.name} ${address}`) ?? new Set<string>();
    return { endpoint, address, kept, queue: queued.get(address) ?? 0, known: cachedBlocks(blocks, kept) };
  });
  const longest = Math.max(...facts.map(({ queue }) => queue));
  const shortest = Math.min(...facts.map(({ queue }) => queue));
  let best = facts[0];
  let most = -1;
  const turn = run.state.turns.get(exchange.backend.name) ?? 0;
  for (let i = 0; i < facts.length; i += 1) {
    const one = facts[(turn + i) % facts.length];
    if (one === undefined) continue;
    const prefix = blocks.length === 0 ? 0 : one.known / blocks.length;
    const queue = longest === shortest ? 1 : (longest - one.queue) / (longest - shortest);
    const score = WEIGHTS.prefix * prefix + WEIGHTS.queue * queue + WEIGHTS.cache * (1 - one.kept.size / REMEMBERED_BLOCKS);
    if (score > most + 1e-9) [best, most] = [one, score];
  }
  if (best === undefined) return undefined;
  run.state.turns.set(exchange.backend.name, (turn + 1) % facts.length);
  prefixes.set(`${exchange.backend.name} ${best.address}`, keepBlocks(best.kept, blocks, REMEMBERED_BLOCKS));
  const source = exchange.backend.policy?.source;
  run.context.tell({
    what: `picks ${best.address} for ${exchange.asked.method} ${exchange.asked.target}`,
    why: `of ${blocks.length} blocks of the prompt it has read ${best.known} before, ${best.queue} requests are under way there (${shortest} to ${longest} elsewhere); score ${most.toFixed(2)} of ${WEIGHTS.prefix + WEIGHTS.queue + WEIGHTS.cache}`,
    about: 'HTTP',
    ...(source === undefined ? {} : { objects: [source] }),
  });
  return best.endpoint;
}
