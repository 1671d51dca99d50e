/** vi and its relatives: the text goes to the page's editor pane, and the command waits until it is saved or closed there. */
import { defineCommand, type Watch } from '../command.ts';
import { resolvePath } from '../paths.ts';
import type { Place } from '../state.ts';

/** What waits in the session's state; `saved` once the pane has been saved or closed. */
export interface EditorState {
  readonly place: Place;
  readonly path: string;
  saved: boolean;
}

export const EDITOR_WATCH = 'editor';

const defineEditor = (name: string) =>
  defineCommand({
    name,
    summary: 'opens a file in the editor pane',
    group: 'shell',
    run: ({ argv, cwd, place, host, err }) => {
      const file = argv.find((word) => !/^[-+]/.test(word));
      if (file === undefined) {
        err(`${name}: this terminal edits named files only\n`);
        return 1;
      }
      if (host.hasEditor !== true) {
        err(`${name}: this terminal has no full-screen programs; use sed -i, or cat > ${file} <<EOF\n`);
        return 1;
      }
      const state: EditorState = { place, path: resolvePath(cwd, file), saved: false };
      return { kind: 'watch', watch: EDITOR_WATCH, state, timeoutSeconds: Number.POSITIVE_INFINITY };
    },
  });
export const [vi, vim, nano] = [defineEditor('vi'), defineEditor('vim'), defineEditor('nano')];

export const editorWatch: Watch = { look: (state: EditorState) => (state.saved ? 0 : undefined) };
