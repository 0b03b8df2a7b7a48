// Gives the person a file: the one place where bytes leave the page for the disk.
export function saveFile(fileName: string, bytes: ArrayBuffer, type = 'application/octet-stream'): void {
  saveBlob(fileName, new Blob([bytes], { type }));
}
/** Of any size: a Blob keeps what is large on disk. */
export function saveBlob(fileName: string, blob: Blob): void {
  const url = URL.createObjectURL(blob);
  const anchor = document.createElement('a');
  anchor.href = url;
  anchor.download = fileName;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000); // the download has started by then
}
