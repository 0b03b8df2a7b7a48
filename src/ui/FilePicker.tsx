// A file input out of sight, opened by a button that stands where it is needed.
import type { RefObject } from 'react';
import { type PickedFile, pickedFiles } from './droppedFiles';
import './parts.css';

/** `input.current?.click()` opens it; `label` names it to a screen reader. `isFolder`: a folder with all in it. */
export function FilePicker({
  input,
  label,
  accept,
  isFolder = false,
  isSingle = false,
  onFiles,
}: {
  input: RefObject<HTMLInputElement | null>;
  label: string;
  accept?: string;
  isFolder?: boolean;
  isSingle?: boolean;
  /** Never called without a file. */
  onFiles: (files: PickedFile[]) => void;
}) {
  return (
    <input
      ref={(element) => {
        input.current = element;
        if (isFolder) element?.setAttribute('webkitdirectory', '');
      }}
      type="file"
      multiple={!isSingle}
      accept={accept}
      className="sr-only"
      tabIndex={-1}
      aria-label={label}
      onChange={(event) => {
        const given = pickedFiles(event.currentTarget.files);
        event.currentTarget.value = ''; // so that the same files can be picked again
        if (given.length > 0) onFiles(given);
      }}
    />
  );
}
