// The frame of every screen: title, the one-line lede, the verbs.
import type { ReactNode } from 'react';

export function Panel({
  title,
  lede,
  actions,
  areActionsBelow = false,
  children,
}: {
  title: string;
  lede: string;
  actions?: ReactNode;
  /** On a line of their own: where they change with what is chosen, they would jump between beside and below the title. */
  areActionsBelow?: boolean;
  children: ReactNode;
}) {
  return (
    <div className="panel">
      <header className="panel-head">
        <div>
          <h1>{title}</h1>
          <p className="lede">{lede}</p>
        </div>
        {actions && <div className={`panel-actions${areActionsBelow ? ' is-below' : ''}`}>{actions}</div>}
      </header>
      {children}
    </div>
  );
}
