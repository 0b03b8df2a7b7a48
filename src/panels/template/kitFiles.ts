// Which of the files that a person drops make a tokenizer with its template. Pure.

/** A file as the browser gives it. */
export interface GivenFile {
  name: string;
  size: number;
  webkitRelativePath?: string;
}

/** Rows among the files, when nothing else is: they belong on the Data page. */
export const rowsAmong = <F extends GivenFile>(files: readonly F[]): F | undefined =>
  filesToRead(files).kit.length > 0 ? undefined : files.find(({ name }) => /\.jsonl$/i.test(name));

/**
 * `kit`: what the worker is told of when there is a tokenizer: of most a name is enough, to tell what is missing (isKitFile says which
 * are read); `template`: a template that came alone.
 */
export function filesToRead<F extends GivenFile>(files: readonly F[]): { kit: F[]; template?: F } {
  const kit = files.filter(({ name }) => /\.(?:json|jinja|model|spm)$|^(?:vocab|merges)\.txt$/.test(name));
  const templates = files.filter(({ name }) => /\.(?:jinja2?|j2)$/.test(name));
  if (templates.length > 0 && !kit.some(({ name }) => /^tokenizer|^vocab|^special_tokens/.test(name)))
    return { kit: [], template: templates.find(({ name }) => name === 'chat_template.jinja') ?? templates[0]! };
  return { kit };
}

/** What the kit is called: the folder, or the first file without its ending. */
export function folderName(files: readonly GivenFile[]): string {
  const path = files[0]?.webkitRelativePath;
  if (path) return path.split('/')[0]!;
  return files.length === 1 ? files[0]!.name.replace(/\.\w+$/, '') : 'imported tokenizer';
}
