/** The lessons of `src/content/lessons`, each loaded when somebody asks for it. */
import { type ParsedLesson, parseLesson } from './parse-lesson.ts';

export interface LessonEntry {
  readonly id: string;
  readonly title: string;
  readonly level: string;
  readonly minutes: number;
}

const texts = import.meta.glob<string>('../../content/lessons/*/lesson.md', { query: '?raw', import: 'default' });

/** Ids are the names of the folders. */
export const lessonIds: readonly string[] = Object.keys(texts)
  .map((key) => key.split('/').at(-2) ?? '')
  .sort();

export async function loadLesson(id: string): Promise<ParsedLesson | undefined> {
  const key = Object.keys(texts).find((one) => one.split('/').at(-2) === id);
  const load = key === undefined ? undefined : texts[key];
  return load === undefined ? undefined : parseLesson(`${id}/lesson.md`, await load());
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
