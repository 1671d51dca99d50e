/** The contents page of programs: what can run on a simulated host, and the command lines that start it. */
import type { App, Program } from './definition.ts';

const all: readonly App[] = [];

/** By name, as Process records say it. */
export const apps: ReadonlyMap<string, App> = new Map(all.map((app) => [app.name, app]));

/** By the command's name. */
export const programs: ReadonlyMap<string, Program> = new Map();
