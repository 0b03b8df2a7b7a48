// Which files a tokenizer with its template is made of, and how large they may be: they are text, read whole, on the page as in the
// workers.
import { DataError } from '../lib/errors';
import { megabytes } from '../lib/words';

/** The largest tokenizer.json in use (256,000 pieces with merges) has some 35 MB. */
const MOST: Record<string, number> = { 'tokenizer.json': 96e6, 'tokenizer_config.json': 16e6 };
/** Templates and lists of special tokens have some kilobytes. */
const MOST_OF_OTHERS = 4e6;

const nameOf = (path: string): string => path.replaceAll('\\', '/').split('/').at(-1)!;
/** Others need not be read. */
export const isKitFile = (path: string): boolean =>
  /^(?:tokenizer\.json|tokenizer_config\.json|special_tokens_map\.json|chat_template\.(?:jinja|json))$/.test(
    nameOf(path),
  ) || /additional_chat_templates[\\/][^\\/]+\.jinja$/.test(path);

/** Throws DataError naming the file, its size and the limit. */
export function requireKitSize(path: string, sizeBytes: number): void {
  const name = nameOf(path);
  const most = MOST[name] ?? MOST_OF_OTHERS;
  if (sizeBytes > most)
    throw new DataError(
      `${name} has ${megabytes(sizeBytes)}; at most ${megabytes(most)} are read. It is something else under this name: copy it again from the model's folder.`,
      { where: path },
    );
}
