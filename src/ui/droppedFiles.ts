// Files that a person drops or picks, those in folders too, with the place that each had.

/** Where a file stood in its folder. */
export const pathOf = (file: File): string => paths.get(file) ?? (file.webkitRelativePath || file.name);
/** Of dropped files, which browsers give no path. */
const paths = new WeakMap<File, string>();

/** Files of a drop, those of dropped folders too. */
export async function droppedFiles(transfer: DataTransfer): Promise<File[]> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (entries.length === 0) return [...transfer.files];
  const out: File[] = [];
  const walk = async (entry: FileSystemEntry): Promise<void> => {
    if (entry.isFile) {
      const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
      paths.set(file, entry.fullPath.replace(/^\//, ''));
      out.push(file);
      return;
    }
    const reader = (entry as FileSystemDirectoryEntry).createReader();
    // A reader gives its entries a hundred at a time.
    for (;;) {
      const part = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
      if (part.length === 0) break;
      for (const child of part) await walk(child);
    }
  };
  for (const entry of entries) await walk(entry);
  return out;
}
