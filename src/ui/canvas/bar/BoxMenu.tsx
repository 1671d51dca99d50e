/** What can be done to one box, beside it: by a right click, a long press, or the key `.` (or the menu key) on the box that the keyboard stands on. */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import type { ActionQuestion } from '../../../world/actions/action-views.ts';
import { usePlayground, useSession } from '../../state/context.ts';
import type { CanvasTools } from '../contract.ts';
import { groupOfItem } from '../group/grouping.ts';
import type { Item, Point } from '../scene.ts';
import { Question } from '../workbench/Question.tsx';
import styles from './CanvasBar.module.css';
import { toggleFold } from './use-groups.ts';

const LONG_PRESS_MS = 550;
const STILL_PX = 8;

interface Open {
  readonly item: Item;
  readonly at: Point;
}

/** Opens for the item under the pointer, or the one that the keyboard stands on. */
function useOpening(tools: CanvasTools): readonly [Open | undefined, (open: Open | undefined) => void] {
  const [open, setOpen] = useState<Open | undefined>(undefined);
  useEffect(() => {
    const { frame } = tools;
    if (frame === null) return;
    const onCanvas = (event: Event) => event.target instanceof Element && event.target.closest('.react-flow, [role="tree"]') !== null;
    const show = (item: Item | undefined, at: Point | undefined): boolean => {
      if (item === undefined || item.kind === 'pill') return false;
      setOpen({ item, at: at ?? tools.screenOf(item) });
      return true;
    };
    const pointAt = (event: { readonly clientX: number; readonly clientY: number }): Point => {
      const box = frame.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    const onMenu = (event: MouseEvent) => {
      if (!onCanvas(event)) return;
      const keyboard = event.target instanceof Element && event.target.closest('[role="tree"]') !== null;
      if (keyboard ? show(tools.current, undefined) : show(tools.itemAt(event) ?? tools.wireEndAt(event), pointAt(event))) event.preventDefault();
    };
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== '.' || event.ctrlKey || event.metaKey || !onCanvas(event) || !show(tools.current, undefined)) return;
      event.preventDefault();
      event.stopPropagation();
    };
    let press: { readonly timer: ReturnType<typeof setTimeout>; readonly from: Point } | undefined;
    const end = () => {
      clearTimeout(press?.timer);
      press = undefined;
    };
    const onDown = (event: PointerEvent) => {
      end();
      if (event.pointerType !== 'touch' || !onCanvas(event)) return;
      const { clientX, clientY } = event;
      press = {
        from: { x: clientX, y: clientY },
        timer: setTimeout(
          () => show(tools.itemAt({ clientX, clientY }) ?? tools.wireEndAt({ clientX, clientY }), pointAt({ clientX, clientY })),
          LONG_PRESS_MS,
        ),
      };
    };
    const onMove = (event: PointerEvent) => {
      if (press !== undefined && Math.hypot(event.clientX - press.from.x, event.clientY - press.from.y) > STILL_PX) end();
    };
    frame.addEventListener('contextmenu', onMenu);
    frame.addEventListener('keydown', onKey);
    frame.addEventListener('pointerdown', onDown, true);
    frame.addEventListener('pointermove', onMove, true);
    frame.addEventListener('pointerup', end, true);
    frame.addEventListener('pointercancel', end, true);
    return () => {
      end();
      frame.removeEventListener('contextmenu', onMenu);
      frame.removeEventListener('keydown', onKey);
      frame.removeEventListener('pointerdown', onDown, true);
      frame.removeEventListener('pointermove', onMove, true);
      frame.removeEventListener('pointerup', end, true);
      frame.removeEventListener('pointercancel', end, true);
    };
  }, [tools]);
  return [open, setOpen];
}

const titleOf = (item: Item): string => (item.kind === 'pod' ? item.view.title : item.kind === 'kernel' ? 'kernel' : item.title);
/** All pods' wires are called eth0. */
function nameIn(scene: CanvasTools['scene'], item: Item): string {
  const parent = item.kind === 'chip' ? scene.itemById.get(item.parent ?? '') : undefined;
  return parent === undefined ? titleOf(item) : `${titleOf(item)} of ${titleOf(parent)}`;
}

export function BoxMenu({ tools }: { readonly tools: CanvasTools }) {
  const [open, setOpen] = useOpening(tools);
  return open === undefined ? null : (
    <Opened key={`${open.item.id} ${open.at.x} ${open.at.y}`} open={open} title={nameIn(tools.scene, open.item)} onClose={() => setOpen(undefined)} />
  );
}

function Opened({ open: { item, at }, title, onClose }: { readonly open: Open; readonly title: string; readonly onClose: () => void }) {
  const { session } = usePlayground();
  const grouping = useSession((state) => state.grouping);
  const box = useRef<HTMLElement>(null);
  const question = useMemo((): ActionQuestion | undefined => (item.target === undefined ? undefined : { kind: 'box', target: item.target }), [item]);
  const group = groupOfItem(item.id, grouping.by, item.kind);
  useLayoutEffect(() => {
    const element = box.current;
    const area = element?.parentElement;
    if (element === null || area === null || area === undefined) return;
    const place = () => {
      element.style.left = `${Math.max(8, Math.min(at.x + 4, area.clientWidth - element.offsetWidth - 8))}px`;
      element.style.top = `${Math.max(8, Math.min(at.y + 4, area.clientHeight - element.offsetHeight - 8))}px`;
    };
    place();
    // What can be done arrives a moment later, and cards open.
    const observer = new ResizeObserver(place);
    observer.observe(element);
    return () => observer.disconnect();
  }, [at]);
  useEffect(() => {
    const before = document.activeElement;
    box.current?.focus();
    const outside = (event: PointerEvent) => {
      if (event.target instanceof Node && !(box.current?.contains(event.target) ?? false)) onClose();
    };
    document.addEventListener('pointerdown', outside);
    return () => {
      document.removeEventListener('pointerdown', outside);
      if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    };
  }, [onClose]);
  return (
    <section
      ref={box}
      data-of-item=""
      className={styles.menu}
      aria-label={`What can be done to ${title}`}
      tabIndex={-1}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.stopPropagation();
        onClose();
      }}
    >
      <h2>{title}</h2>
      {group === undefined ? null : (
        <button
          type="button"
          className={styles.plain}
          onClick={() => {
            toggleFold(session, group);
            onClose();
          }}
        >
          {grouping.folded.includes(group) ? 'Unfold its pods' : 'Fold its pods into one box'}
        </button>
      )}
      {question === undefined ? null : <Question question={question} open={false} onDone={onClose} />}
    </section>
  );
}
