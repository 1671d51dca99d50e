/** The editor's dialogs, fetched together when the first of them is opened. */
import { ChangesDialog } from './ChangesDialog.tsx';
import { ImportDialog } from './ImportDialog.tsx';
import { NetworkDialog } from './NetworkDialog.tsx';
import { OutlineDialog } from './OutlineDialog.tsx';
import { SuggestDialog } from './SuggestDialog.tsx';
import { WaysInDialog } from './WaysInDialog.tsx';

const dialogs = {
  outline: OutlineDialog,
  changes: ChangesDialog,
  import: ImportDialog,
  network: NetworkDialog,
  suggest: SuggestDialog,
  'ways-in': WaysInDialog,
} as const;

export function EditorDialogs({ name, onClose }: { readonly name: keyof typeof dialogs; readonly onClose: () => void }) {
  const Shown = dialogs[name];
  return <Shown onClose={onClose} />;
}
