/** A model server without a model, as llm-d-inference-sim is one: it takes the time that reading a prompt and writing an answer take, has a cache of prompts' beginnings and a queue. */
import { utf8Length, utf8Prefix } from '../../wire/utf8.ts';
import { type AppContext, defineApp, type SocketId } from '../definition.ts';
import { formatHead, headerValue, parseRequestLine, REASONS, readHead, textPayload } from '../http-message.ts';
import { listenAddress } from '../listen-address.ts';
import { cachedBlocks, keepBlocks, type Prompt, promptBlocks, readPrompt } from './blocks.ts';

export interface ModelServerConfig {
  readonly port: number;
  readonly address?: string;
  readonly model: string;
  /** To read a block of 16 tokens that is in no cache. */
  readonly blockMs: number;
  /** To write a token. */
  readonly tokenMs: number;
  /** Requests that are worked on together; others wait. */
  readonly slots: number;
  /** So many blocks the cache holds. */
  readonly cacheBlocks: number;
}

interface Job {
  readonly socket: SocketId;
  readonly prompt: Prompt;
}

/** Changed in place. */
interface State {
  readonly buffers: Map<SocketId, string>;
  running: number;
  waiting: readonly Job[];
  cache: ReadonlySet<string>;
  served: number;
}

interface Done {
  readonly job: Job;
  readonly cached: number;
}

const MAX_BUFFER = 1_048_576;
const MAX_WAITING = 1000;
const CHARACTERS_PER_TOKEN = 4;
const TOKENS_PER_BLOCK = 16;

export const modelServer = defineApp<State, ModelServerConfig>({
  name: 'model-server',
  start: (context, config) => {
    const socket = context.tcpListen(listenAddress(context, config.address), config.port, 511, { noDelay: true });
    if (typeof socket === 'string') {
      context.err(`failed to listen on port ${config.port}: ${socket}\n`);
      context.exit(1);
    }
    return { buffers: new Map(), running: 0, waiting: [], cache: new Set(), served: 0 };
  },
  handle: (context, state, event, config) => {
    switch (event.kind) {
      case 'accepted':
        state.buffers.set(event.socket, '');
        break;
      case 'data':
        received(context, state, event.socket, event.payload.text ?? '', config);
        break;
      case 'timer':
        finished(context, state, event.data as Done, config);
        break;
      case 'peer-closed':
      case 'aborted':
        state.buffers.delete(event.socket);
        state.waiting = state.waiting.filter(({ socket }) => socket !== event.socket);
        if (event.kind === 'peer-closed') context.close(event.socket);
        break;
    }
    return state;
  },
  copy: (state) => ({ ...state, buffers: new Map(state.buffers) }),
});

function reply(context: AppContext, state: State, socket: SocketId, code: number, body: string, type = 'application/json'): void {
  if (!state.buffers.has(socket)) return;
  const headers = [
    { name: 'Server', value: 'fasthttp' },
    { name: 'Content-Type', value: type },
    { name: 'Content-Length', value: String(utf8Length(body)) },
    { name: 'x-inference-pod', value: context.hostname },
  ];
  context.tcpSend(socket, textPayload(formatHead(`HTTP/1.1 ${code} ${REASONS[code] ?? ''}`, headers) + body));
}

function received(context: AppContext, state: State, socket: SocketId, text: string, config: ModelServerConfig): void {
  const buffer = (state.buffers.get(socket) ?? '') + text;
  const read = readHead(buffer);
  if (read === 'incomplete' && buffer.length < MAX_BUFFER) {
    state.buffers.set(socket, buffer);
    return;
  }
  const line = typeof read === 'string' ? undefined : parseRequestLine(read.head.startLine);
  if (typeof read === 'string' || line === undefined || buffer.length >= MAX_BUFFER) {
    reply(context, state, socket, 400, '');
    state.buffers.delete(socket);
    context.close(socket);
    return;
  }
  const length = Number(headerValue(read.head.headers, 'Content-Length') ?? 0);
  if (utf8Length(read.rest) < length) {
    state.buffers.set(socket, buffer);
    return;
  }
  const end = utf8Prefix(read.rest, length);
  state.buffers.set(socket, read.rest.slice(end));
  const path = line.target.split('?', 1)[0] ?? '';
  if (line.method === 'POST' && (path === '/v1/completions' || path === '/v1/chat/completions')) {
    const prompt = readPrompt(read.rest.slice(0, end));
    if (prompt === undefined) reply(context, state, socket, 400, '{"error":{"message":"Invalid request body","type":"BadRequestError","code":400}}');
    else if (prompt.model !== config.model)
      reply(
        context,
        state,
        socket,
        404,
        `{"error":{"message":"The model \`${prompt.model.replace(/[^\w./-]/g, '')}\` does not exist.","type":"NotFoundError","code":404}}`,
      );
    else if (state.waiting.length >= MAX_WAITING) reply(context, state, socket, 503, '');
    else {
      state.waiting = [...state.waiting, { socket, prompt }];
      next(context, state, config);
    }
  } else if (path === '/metrics') reply(context, state, socket, 200, metrics(state, config), 'text/plain; version=0.0.4');
  else if (path === '/v1/models')
    reply(context, state, socket, 200, JSON.stringify({ object: 'list', data: [{ id: config.model, object: 'model', owned_by: 'vllm' }] }));
  else reply(context, state, socket, path === '/health' || path === '/ready' ? 200 : 404, '');
}

function metrics({ running, waiting, cache, served }: State, { model, cacheBlocks }: ModelServerConfig): string {
  const label = `{model_name="${model}"}`;
  return [
    '# TYPE vllm:num_requests_running gauge',
    `vllm:num_requests_running${label} ${running}`,
    '# TYPE vllm:num_requests_waiting gauge',
    `vllm:num_requests_waiting${label} ${waiting.length}`,
    '# TYPE vllm:kv_cache_usage_perc gauge',
    `vllm:kv_cache_usage_perc${label} ${(cache.size / cacheBlocks).toFixed(4)}`,
    '# TYPE vllm:request_success_total counter',
    `vllm:request_success_total${label} ${served}`,
    '',
  ].join('\n');
}

function next(context: AppContext, state: State, config: ModelServerConfig): void {
  while (state.running < config.slots) {
    const [job, ...rest] = state.waiting;
    if (job === undefined) return;
    state.waiting = rest;
    state.running += 1;
    const blocks = promptBlocks(job.prompt.model, job.prompt.prompt);
    const cached = cachedBlocks(blocks, state.cache);
    state.cache = keepBlocks(state.cache, blocks, config.cacheBlocks);
    const ms = (blocks.length - cached) * config.blockMs + job.prompt.maxTokens * config.tokenMs;
    context.setTimer(Math.max(1, ms) * 1e6, 'done', { job, cached } satisfies Done);
  }
}

function finished(context: AppContext, state: State, { job, cached }: Done, config: ModelServerConfig): void {
  const { prompt, maxTokens, model } = job.prompt;
  state.running -= 1;
  state.served += 1;
  const promptTokens = Math.ceil(prompt.length / CHARACTERS_PER_TOKEN);
  const body = {
    id: `cmpl-${state.served}`,
    object: 'text_completion',
    model,
    choices: [{ index: 0, text: `${maxTokens} tokens by ${context.hostname}`, finish_reason: 'length' }],
    usage: {
      prompt_tokens: promptTokens,
      completion_tokens: maxTokens,
      total_tokens: promptTokens + maxTokens,
      prompt_tokens_details: { cached_tokens: cached * TOKENS_PER_BLOCK },
    },
  };
  reply(context, state, job.socket, 200, `${JSON.stringify(body)}\n`);
  next(context, state, config);
}
