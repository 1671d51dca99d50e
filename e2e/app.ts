/** The page as a person meets it: by roles and labels. */
import { expect, type Locator, type Page } from '@playwright/test';

export const CURL = 'kubectl exec client -- curl -s web-service';
/** What the simulated nginx answers. */
export const ANSWER = /Hello from web-\S+/;

export interface Place {
  /** From 1; 0 before the first hop. */
  readonly hop: number;
  readonly count: number;
  readonly title: string;
}

/** `hop 5 of 204: title`, as the playhead tells it to a screen reader. */
export function parsePlace(text: string | null): Place {
  const match = /^hop (\d+) of (\d+): (.*)$/s.exec(text ?? '');
  return match === null ? { hop: 0, count: 0, title: '' } : { hop: Number(match[1]), count: Number(match[2]), title: match[3] ?? '' };
}

export class App {
  readonly page: Page;
  readonly url: string;
  readonly editor: Locator;
  readonly canvas: Locator;
  readonly inspector: Locator;
  readonly timeline: Locator;
  readonly terminal: Locator;
  /** The line of words under the canvas. */
  readonly nowLine: Locator;
  readonly playhead: Locator;
  readonly output: Locator;
  readonly prompt: Locator;
  readonly status: Locator;
  readonly problems: Locator;

  constructor(page: Page, url: string) {
    this.page = page;
    this.url = url;
    this.editor = page.getByRole('region', { name: 'Editor' });
    this.canvas = page.getByRole('region', { name: 'Canvas' });
    this.inspector = page.getByRole('region', { name: 'Inspector' });
    this.timeline = page.getByRole('region', { name: 'Timeline' });
    this.terminal = page.getByRole('region', { name: 'Terminal' });
    this.nowLine = page.getByTestId('now-line');
    this.playhead = page.getByRole('slider', { name: 'Playhead' });
    this.output = page.getByRole('log');
    this.prompt = page.getByRole('textbox', { name: /^Command line of / });
    this.status = page.getByTestId('apply-status');
    this.problems = page.getByRole('list', { name: 'Problems' });
  }

  /** Opens the page and waits until the world runs and, where there is one, the first curl is answered. */
  async open(fragment = ''): Promise<void> {
    await this.page.goto(`${this.url}${fragment}`);
    await this.ready();
  }

  async ready(): Promise<void> {
    await expect(this.box(/^Node node01, .*, ready/)).toBeAttached();
    await expect(this.playhead).toBeEnabled();
    await expect(this.prompt).not.toHaveAttribute('placeholder', /running/);
  }

  /** As `ready`, and standing still at the first hop. */
  async openPaused(fragment = ''): Promise<void> {
    await this.open(fragment);
    await this.page.getByRole('button', { name: 'First hop' }).click();
    await expect.poll(async () => (await this.place()).hop).toBe(1);
  }

  /** An entry of the outline, the canvas in words. */
  box(name: RegExp): Locator {
    return this.page.getByRole('treeitem', { name });
  }

  async podsOf(node: string): Promise<number> {
    const text = (await this.box(new RegExp(`^Node ${node}, `)).textContent()) ?? '';
    return Number(/, (\d+) pods$/.exec(text)?.[1] ?? Number.NaN);
  }

  async place(): Promise<Place> {
    return parsePlace(await this.playhead.getAttribute('aria-valuetext'));
  }

  /** The line under the canvas, without what is kept for screen readers. */
  async words(): Promise<string> {
    return (await this.nowLine.locator('span:not([aria-live])').allTextContents()).join(' ');
  }

  button(name: string | RegExp): Locator {
    return this.timeline.getByRole('button', { name, exact: true });
  }

  /** Types a line, waits for its end, and returns what it printed. */
  async run(line: string): Promise<string> {
    const before = await this.#count(line);
    await this.prompt.fill(line);
    await this.prompt.press('Enter');
    await expect.poll(() => this.#count(line), { message: `the terminal shows ${line}` }).toBe(before + 1);
    await expect(this.prompt).not.toHaveAttribute('placeholder', /running/);
    const text = await this.text();
    return text.slice(text.lastIndexOf(line) + line.length).trimStart();
  }

  /** Starts a program that goes on until Ctrl-C. */
  async start(line: string): Promise<void> {
    await this.prompt.fill(line);
    await this.prompt.press('Enter');
    await expect(this.prompt).toHaveAttribute('placeholder', /Ctrl-C/);
  }

  /** The open terminal tab's whole text. */
  async text(): Promise<string> {
    return (await this.output.innerText()).replace(/\u200b/g, '');
  }

  async #count(line: string): Promise<number> {
    return (await this.text()).split(line).length - 1;
  }

  /** Opens a file and waits for the editor that can change it. */
  async edit(file: string): Promise<Locator> {
    await this.editor.getByRole('tab', { name: file }).click();
    await this.editor.hover();
    const text = this.editor.getByRole('textbox', { name: /^YAML editor/ });
    await expect(text).toBeAttached();
    await text.focus();
    return text;
  }

  /** Replaces a whole file as a person would: select all, paste. */
  async paste(file: string, text: string): Promise<void> {
    await this.edit(file);
    await this.page.evaluate((words) => navigator.clipboard.writeText(words), text);
    await this.page.keyboard.press('ControlOrMeta+a');
    await this.page.keyboard.press('ControlOrMeta+v');
  }

  /** What the editor has of a file, copied out of it. */
  async fileText(file: string): Promise<string> {
    await this.edit(file);
    await this.page.keyboard.press('ControlOrMeta+a');
    await this.page.keyboard.press('ControlOrMeta+c');
    return this.page.evaluate(() => navigator.clipboard.readText());
  }

  /** Clicks a row of the hop table; filter words as the timeline's field takes them. */
  async seekRow(filter: string, row: RegExp): Promise<void> {
    await this.page.getByRole('searchbox', { name: 'Filter hops' }).fill(filter);
    await this.timeline.getByRole('row', { name: row }).first().click();
    await expect(this.timeline.getByRole('row', { name: row }).and(this.timeline.locator('[aria-current="true"]'))).toBeVisible();
  }
}
