/** The keys, and the switch that turns the single-letter ones off. */
import { usePlayground, useSession } from '../state/context.ts';
import { Dialog } from './Dialog.tsx';
import styles from './KeysDialog.module.css';
import { shortcuts } from './shortcuts.ts';

export function KeysDialog({ onClose }: { readonly onClose: () => void }) {
  const playground = usePlayground();
  const on = useSession((session) => session.shortcuts);
  return (
    <Dialog title="Keys" onClose={onClose}>
      <table className={styles.keys}>
        <tbody>
          {shortcuts.map((shortcut) => (
            <tr key={shortcut.keys} data-off={!on && shortcut.always !== true}>
              <th scope="row">
                <kbd>{shortcut.keys}</kbd>
              </th>
              <td>{shortcut.says}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className={styles.note}>
        In the terminal: ↑ ↓ history, Tab completes, Ctrl R searches, Ctrl C interrupts, Ctrl L clears, Shift Enter runs at the playhead of the past; Escape,
        then Tab, leaves. In the editor: Ctrl M lets Tab leave.
      </p>
      <label className={styles.switch}>
        <input
          type="checkbox"
          checked={on}
          onChange={(event) => {
            playground.session.setState({ shortcuts: event.target.checked });
            void playground.savePreferences();
          }}
        />
        Single keys do these things (never while you type)
      </label>
    </Dialog>
  );
}
