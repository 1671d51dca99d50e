/** Which columns the packet list has, in which order: those that are there, and any field of the display filter's language. */
import { useId, useState } from 'react';
import { Dialog } from '../../shell/Dialog.tsx';
import { usePlayground, useSession } from '../../state/context.ts';
import { columnKinds, defaultColumns, FIELD, moved, titleOf, toggled } from './columns.ts';
import styles from './Dialogs.module.css';
import { changePacketList, defaultPacketList } from './settings.ts';
import { useLanguage } from './use-rows.ts';

export function ColumnsDialog({ onClose }: { readonly onClose: () => void }) {
  const playground = usePlayground();
  const { columns } = useSession((state) => state.packetList) ?? defaultPacketList;
  const language = useLanguage();
  const names = useId();
  const [field, setField] = useState('');
  const set = (change: typeof columns) => changePacketList(playground, { columns: change });
  const hidden = [...columnKinds].filter(([id]) => !columns.some((one) => one.id === id));
  const known = language?.fieldNames.some(([name]) => name === field.trim()) === true;
  const says = (id: string): string => columnKinds.get(id)?.says ?? language?.fieldNames.find(([name]) => `${FIELD}${name}` === id)?.[1] ?? '';
  return (
    <Dialog title="Columns" onClose={onClose} wide>
      <ol className={styles.list}>
        {columns.map(({ id }, at) => (
          <li key={id} className={styles.column}>
            <span className={styles.name}>{titleOf(id)}</span>
            <span className={styles.says}>{says(id)}</span>
            <button type="button" disabled={at === 0} aria-label={`${titleOf(id)}: further to the left`} onClick={() => set(moved(columns, id, at - 1))}>
              ↑
            </button>
            <button
              type="button"
              disabled={at === columns.length - 1}
              aria-label={`${titleOf(id)}: further to the right`}
              onClick={() => set(moved(columns, id, at + 2))}
            >
              ↓
            </button>
            <button type="button" disabled={columns.length === 1} aria-label={`Hide ${titleOf(id)}`} onClick={() => set(toggled(columns, id))}>
              Hide
            </button>
          </li>
        ))}
      </ol>
      <h3 className={styles.heading}>More</h3>
      <div className={styles.chips}>
        {hidden.map(([id, kind]) => (
          <button key={id} type="button" title={kind.says} onClick={() => set(toggled(columns, id))}>
            + {kind.title}
          </button>
        ))}
      </div>
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          if (!known) return;
          if (!columns.some(({ id }) => id === `${FIELD}${field.trim()}`)) set(toggled(columns, `${FIELD}${field.trim()}`));
          setField('');
        }}
      >
        <label className={styles.grow}>
          <span>Any field</span>
          <input
            list={names}
            value={field}
            maxLength={60}
            spellCheck={false}
            autoComplete="off"
            placeholder="tcp.seq_raw, ip.ttl, hop.state"
            onChange={(event) => setField(event.target.value.toLowerCase())}
          />
        </label>
        <datalist id={names}>
          {language?.fieldNames.map(([name, help]) => (
            <option key={name} value={name}>
              {help}
            </option>
          ))}
        </datalist>
        <button type="submit" disabled={!known}>
          Add
        </button>
        <button type="button" onClick={() => set(defaultColumns)}>
          As at first
        </button>
      </form>
    </Dialog>
  );
}
