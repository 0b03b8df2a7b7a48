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
  onFolder,
  children,
}: {
  label: string;
  accept: string;
  onFile: (file: File) => void;
  /** A folder was dropped where one file is asked for; as a file it could not be read. */
  onFolder?: (name: string) => void;
  children: (pick: () => void) => ReactNode;
}) {
  const picker = useRef<HTMLInputElement>(null);
  const { isOver, handlers } = useDropTarget((transfer) => {
    const entry = transfer.items[0]?.webkitGetAsEntry();
    if (entry?.isDirectory && onFolder) return onFolder(entry.name);
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
