/** The field above a list that is searched by letters: the arrows move through what is shown, Enter takes it (ARIA: combobox with a listbox). */

interface FindFieldProps {
  readonly className: string | undefined;
  readonly label: string;
  readonly placeholder: string;
  readonly maxLength: number;
  /** Id of the listbox; its options are `<name>-<index>`. */
  readonly name: string;
  readonly letters: string;
  readonly count: number;
  readonly active: number;
  readonly onLetters: (letters: string) => void;
  readonly onMove: (to: number) => void;
  readonly onTake: () => void;
}

export const listId = (name: string): string => `${name}-list`;

export function FindField({ className, label, placeholder, maxLength, name, letters, count, active, onLetters, onMove, onTake }: FindFieldProps) {
  return (
    <input
      className={className}
      role="combobox"
      aria-expanded="true"
      aria-controls={listId(name)}
      aria-activedescendant={count === 0 ? undefined : `${name}-${active}`}
      aria-label={label}
      placeholder={placeholder}
      value={letters}
      maxLength={maxLength}
      spellCheck={false}
      autoComplete="off"
      onChange={(event) => onLetters(event.target.value)}
      onKeyDown={(event) => {
        if (event.key === 'ArrowDown') onMove(Math.min(count - 1, active + 1));
        else if (event.key === 'ArrowUp') onMove(Math.max(0, active - 1));
        else if (event.key === 'Enter') onTake();
        else return;
        event.preventDefault();
      }}
    />
  );
}
