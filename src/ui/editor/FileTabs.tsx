/** The files as tabs: pick, add, rename, remove. */
import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { Icon } from '../shell/Icon.tsx';
import { Menu } from '../shell/Menu.tsx';
import { useDocument, useMirror, usePlayground, useSession } from '../state/context.ts';
import styles from './Editor.module.css';

/** A field for a name, in place of a tab. */
function NameField({ initial, onDone }: { readonly initial: string; readonly onDone: (name: string | undefined) => string | undefined }) {
  const [name, setName] = useState(initial);
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const finish = (value: string | undefined) => setProblem(onDone(value));
  return (
    <span className={styles.naming}>
      <input
        // The reader has just asked for it.
        ref={(element) => element?.focus()}
        value={name}
        aria-label="File name"
        aria-invalid={problem !== undefined}
        maxLength={64}
        spellCheck={false}
        onChange={(event) => {
          setName(event.target.value);
          setProblem(undefined);
        }}
        onKeyDown={(event: KeyboardEvent) => {
          event.stopPropagation();
          if (event.key === 'Enter') finish(name);
          if (event.key === 'Escape') finish(undefined);
        }}
        onBlur={() => {
          if (problem === undefined) finish(name === initial ? undefined : name);
          else finish(undefined);
        }}
      />
      {problem === undefined ? null : (
        <span role="alert" className={styles.nameProblem}>
          {problem}
        </span>
      )}
    </span>
  );
}

export function FileTabs() {
  const playground = usePlayground();
  const texts = useDocument((document) => document.texts);
  const open = useSession((session) => session.openFile);
  const writable = useSession((session) => session.writable);
  const diagnostics = useMirror((mirror) => mirror.diagnostics);
  const bar = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (open !== '') bar.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [open]);
  const [naming, setNaming] = useState<{ readonly from: string | undefined } | undefined>(undefined);
  const worst = (path: string) => {
    const own = diagnostics.filter((diagnostic) => diagnostic.span?.file === path);
    if (own.some((diagnostic) => diagnostic.severity === 'error')) return 'error';
    return own.some((diagnostic) => diagnostic.severity === 'warning') ? 'warning' : undefined;
  };
  /** The tab that is dragged, and the one it is over. */
  const [drag, setDrag] = useState<{ readonly path: string; readonly over: string } | undefined>(undefined);
  const place = (path: string) => texts.findIndex((file) => file.path === path);
  const download = (form: 'yaml' | 'zip') => {
    void import('./download-all.ts').then(({ downloadAll }) => downloadAll(playground.document.getState(), form));
  };
  const tidy = () => {
    const text = texts.find((file) => file.path === open)?.text ?? '';
    playground.client.call('yamlFormat', open, text).then(
      (tidied) => {
        const now = playground.document.getState().texts.find((file) => file.path === open)?.text;
        if (tidied === null) playground.notify('There is nothing to tidy here: the file is tidy, or it has errors.');
        else if (now === text) playground.edits.setText(open, tidied);
      },
      () => undefined,
    );
  };
  const newName = () => {
    let number = 1;
    while (texts.some((file) => file.path === `file-${number}.yaml`)) number += 1;
    return `file-${number}.yaml`;
  };
  const done = (name: string | undefined) => {
    const from = naming?.from;
    const problem = name === undefined ? undefined : from === undefined ? playground.edits.addFile(name) : playground.edits.renameFile(from, name);
    if (problem === undefined) setNaming(undefined);
    return problem;
  };
  return (
    <div className={styles.tabBar}>
      <div className={styles.tabs} role="tablist" aria-label="Files" ref={bar}>
        {texts.map((file) =>
          naming !== undefined && naming.from === file.path ? (
            <NameField key={file.path} initial={file.path} onDone={done} />
          ) : (
            <button
              key={file.path}
              type="button"
              role="tab"
              aria-selected={file.path === open}
              className={file.path === open ? styles.tabOn : styles.tab}
              draggable={writable}
              data-over={drag !== undefined && drag.path !== file.path && drag.over === file.path}
              onDragStart={() => setDrag({ path: file.path, over: file.path })}
              onDragEnd={() => setDrag(undefined)}
              onDragOver={(event) => {
                if (drag === undefined) return;
                event.preventDefault();
                if (drag.over !== file.path) setDrag({ ...drag, over: file.path });
              }}
              onDrop={(event) => {
                if (drag === undefined) return;
                event.preventDefault();
                playground.edits.moveFile(drag.path, place(file.path) - place(drag.path));
                setDrag(undefined);
              }}
              onClick={() => playground.session.setState({ openFile: file.path })}
              onDoubleClick={() => {
                if (writable) setNaming({ from: file.path });
              }}
            >
              {file.path}
              {worst(file.path) === undefined ? null : (
                <span
                  className={styles.mark}
                  data-severity={worst(file.path)}
                  role="img"
                  aria-label={worst(file.path) === 'error' ? 'has errors' : 'has warnings'}
                />
              )}
            </button>
          ),
        )}
        {naming !== undefined && naming.from === undefined ? <NameField initial={newName()} onDone={done} /> : null}
      </div>
      <Menu
        label="Files"
        className={styles.tabMenu}
        align="end"
        items={[
          { label: 'New file …', disabled: !writable, onPick: () => setNaming({ from: undefined }) },
          { label: 'Rename …', detail: open, disabled: !writable || open === '', onPick: () => setNaming({ from: open }) },
          { label: 'Remove', detail: open, disabled: !writable || open === '', onPick: () => playground.edits.removeFile(open) },
          { label: 'Move left', disabled: !writable || place(open) <= 0, onPick: () => playground.edits.moveFile(open, -1) },
          { label: 'Move right', disabled: !writable || place(open) >= texts.length - 1, onPick: () => playground.edits.moveFile(open, 1) },
          { label: 'Undo', detail: 'Ctrl Z', disabled: !writable, onPick: () => playground.undo() },
          { label: 'Redo', detail: 'Ctrl Shift Z', disabled: !writable, onPick: () => playground.redo() },
          { label: 'Tidy', detail: open, disabled: !writable || open === '', onPick: () => tidy() },
          { label: 'Objects …', detail: 'kinds and names', onPick: () => playground.session.setState({ dialog: 'outline' }) },
          { label: 'Changes …', detail: 'since the beginning', onPick: () => playground.session.setState({ dialog: 'changes' }) },
          { label: 'Add files …', detail: 'or drop them here', disabled: !writable, onPick: () => playground.session.setState({ dialog: 'import' }) },
          { label: 'Download all', detail: 'one YAML file', onPick: () => download('yaml') },
          { label: 'Download all', detail: 'a zip of files', onPick: () => download('zip') },
        ]}
      >
        <Icon name="more" size={16} />
      </Menu>
    </div>
  );
}
