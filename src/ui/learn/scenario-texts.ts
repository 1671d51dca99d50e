/** The texts of all scenarios in one piece, since whoever asks for one soon sees the list of all. Only for dynamic import. */
const texts = import.meta.glob<string>('../../content/examples/*/scenario.md', { query: '?raw', import: 'default', eager: true });

/** By the name of the world. */
export const scenarioTexts: ReadonlyMap<string, string> = new Map(Object.entries(texts).map(([key, text]) => [key.split('/').at(-2) ?? '', text]));
