/** A region that scrolls, named and reachable with Tab, so that who has no mouse can scroll it too (WCAG 2.1.1). */
import type { ReactNode, Ref } from 'react';

export interface ScrollRegionProps {
  readonly label: string;
  readonly children: ReactNode;
  readonly className?: string | undefined;
  readonly id?: string;
  readonly ref?: Ref<HTMLElement>;
}

/** Axe asks for it and so do we: without content that takes the focus, only this makes the arrow keys scroll. */
const REACHABLE = 0;

export function ScrollRegion({ label, children, className, id, ref }: ScrollRegionProps) {
  return (
    <section ref={ref} id={id} className={className} aria-label={label} tabIndex={REACHABLE}>
      {children}
    </section>
  );
}
