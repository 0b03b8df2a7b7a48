// A setting with a control of its own, in line with those of ConfigForm: its name, the control, its meaning under both.
import type { ReactNode } from 'react';

export function Knob({ name, help, children }: { name: ReactNode; help?: string; children: ReactNode }) {
  return (
    <div className="form-knob">
      <span>{name}</span>
      {children}
      {help && <span className="field-help">{help}</span>}
    </div>
  );
}
