// A table that scrolls in its own frame, and can be scrolled by the keyboard.
import type { ReactNode } from 'react';

export function Scroll({ label, className, children }: { label: string; className?: string; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section tabIndex={0} aria-label={label} className={className ? `lora-scroll ${className}` : 'lora-scroll'}>
      {children}
    </section>
  );
}
