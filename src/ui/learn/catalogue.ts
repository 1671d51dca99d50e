/** The lessons of `src/content/lessons` and the scenarios of `src/content/examples`, loaded when somebody asks for them. */
import { type ParsedLesson, parseLesson } from './parse-lesson.ts';
import { lessonOfScenario, parseScenario, type Scenario } from './scenario.ts';

export interface LessonEntry {
  readonly id: string;
  readonly title: string;
  readonly level: string;
  readonly minutes: number;
}

const texts = import.meta.glob<string>('../../content/lessons/*/lesson.md', { query: '?raw', import: 'default' });

const loadTexts = async () => (await import('./scenario-texts.ts')).scenarioTexts;

/** Ids are the names of the folders. */
export const lessonIds: readonly string[] = Object.keys(texts)
  .map((key) => key.split('/').at(-2) ?? '')
  .sort();

export async function loadLesson(id: string): Promise<ParsedLesson | undefined> {
  const key = Object.keys(texts).find((one) => one.split('/').at(-2) === id);
  const load = key === undefined ? undefined : texts[key];
  if (load !== undefined) return parseLesson(`${id}/lesson.md`, await load());
  const text = (await loadTexts()).get(id);
  if (text === undefined) return undefined;
  const { scenario, diagnostics } = parseScenario(id, text);
  return scenario === undefined ? { diagnostics } : { lesson: lessonOfScenario(scenario), diagnostics };
}

/** As the list shows them. */
export const topics: readonly string[] = ['Services', 'Load balancing', 'DNS', 'Nodes and the kernel', 'Pod network', 'NetworkPolicy'];

/** Every scenario, in order of topic and name. */
export async function loadScenarios(): Promise<readonly Scenario[]> {
  const read = [...(await loadTexts())].map(([slug, text]) => parseScenario(slug, text).scenario);
  const order = (one: Scenario) => `${topics.indexOf(one.topic)} ${one.level === 'first steps' ? 0 : 1} ${one.title}`;
  return read.filter((one) => one !== undefined).sort((a, b) => (order(a) < order(b) ? -1 : 1));
}

/** What the catalogue shows; a lesson with mistakes is left out (a test names them). */
export async function loadCatalogue(): Promise<readonly (LessonEntry & { readonly goals: readonly string[]; readonly steps: number })[]> {
  const parsed = await Promise.all(lessonIds.map(loadLesson));
  return parsed.flatMap((one) => {
    const lesson = one?.lesson;
    return lesson === undefined
      ? []
      : [{ id: lesson.id, title: lesson.title, level: lesson.level, minutes: lesson.minutes, goals: lesson.goals, steps: lesson.steps.length }];
  });
}
