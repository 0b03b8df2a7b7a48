// A place to drop a file, with a button inside that picks one: dropping is the second way.
import { type ReactNode, useRef } from 'react';
import { FilePicker } from './FilePicker';
import { useDropTarget } from './useDropTarget';
import './parts.css';

/** `label` names the file to a screen reader; `children` gets what opens the picker. */
export function DropZone({
  label,
  accept,
  onFile,
  children,
}: {
  label: string;
  accept: string;
  onFile: (file: File) => void;
  children: (pick: () => void) => ReactNode;
}) {
  const picker = useRef<HTMLInputElement>(null);
  const { isOver, handlers } = useDropTarget((transfer) => {
    const file = transfer.files[0];
    if (file) onFile(file);
  });
  return (
    // Dropping is a second way; the button inside is the first
    <div className={`drop-zone${isOver ? ' is-over' : ''}`} {...handlers}>
      <FilePicker input={picker} label={label} accept={accept} isSingle onFiles={([first]) => onFile(first!.file)} />
      {children(() => picker.current?.click())}
    </div>
  );
}
