// The frame of every screen: title, the one-line lede, the verbs.
import type { ReactNode } from 'react';

export function Panel({
  title,
  lede,
  actions,
  children,
}: {
  title: string;
  lede: string;
  actions?: ReactNode;
  children: ReactNode;
}) {
  return (
    <div className="panel">
      <header className="panel-head">
        <div>
          <h1>{title}</h1>
          <p className="lede">{lede}</p>
        </div>
        {actions && <div className="panel-actions">{actions}</div>}
      </header>
      {children}
    </div>
  );
}
