// A surface with a heading, the current values in words beside it, and its own verbs.
import type { ReactNode } from 'react';

export interface CardProps {
  title: ReactNode;
  note?: ReactNode;
  actions?: ReactNode;
  className?: string;
  children?: ReactNode;
}

export function Card({ title, note, actions, className, children }: CardProps) {
  return (
    <section className={className ? `card ${className}` : 'card'}>
      <div className="card-head">
        {/* A heading may hold a select, which would be read as part of it. */}
        {typeof title === 'string' ? <h2>{title}</h2> : title}
        {note !== undefined && note !== '' && <span className="card-note">{note}</span>}
        {actions && <div className="card-actions">{actions}</div>}
      </div>
      {children}
    </section>
  );
}
