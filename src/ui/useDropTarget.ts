// An element on which something can be dropped, and whether it is held over it just now.
import { type DragEvent, useState } from 'react';

/** `onDrop` is called in the drop event itself. Spread `handlers` on the element. */
export function useDropTarget(onDrop: (transfer: DataTransfer) => void) {
  const [isOver, setOver] = useState(false);
  return {
    isOver,
    handlers: {
      onDragOver: (event: DragEvent) => {
        event.preventDefault();
        setOver(true);
      },
      onDragLeave: () => setOver(false),
      onDrop: (event: DragEvent) => {
        event.preventDefault();
        setOver(false);
        onDrop(event.dataTransfer);
      },
    },
  };
}
