// Recipes and the rows that they name, for scripts that run in Node.
import { existsSync, readFileSync } from 'node:fs';
import { parseJsonl } from '../src/data/jsonl';
import type { ImportedSet } from '../src/labs/recipeRows';
import { labs } from '../src/labs/registry';
import { validateRecipe } from '../src/labs/validateRecipe';
import { ConfigError } from '../src/lib/errors';
import type { DataRef, Recipe } from '../src/protocol/recipe';

/** The command line is wrong; `usage` is shown below the message. */
export class UsageError extends Error {
  constructor(
    message: string,
    readonly usage?: string,
  ) {
    super(message);
  }
}

/** A lab's recipe by its id, or one from a file. Throws UsageError when there is neither, ConfigError naming the field. */
export function readRecipe(source: string): Recipe {
  const lab = labs.find(({ id }) => id === source);
  if (lab) return lab.recipe;
  if (!existsSync(source)) throw new UsageError(`There is neither a file nor a lab ${source}.`);
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(source, 'utf8'));
  } catch (cause) {
    throw new ConfigError(`${source} is not valid JSON: ${(cause as Error).message}.`, { cause, where: source });
  }
  return validateRecipe(json);
}

/** `file:rows.jsonl` in a recipe. Throws ConfigError when it is not there. */
export function importedRows({ ref }: DataRef): ImportedSet | undefined {
  if (!ref.startsWith('file:')) return undefined;
  const path = ref.slice('file:'.length);
  if (!existsSync(path))
    throw new ConfigError(`The dataset ${path} is not there. Check data in the recipe.`, { where: path });
  return parseJsonl(new Uint8Array(readFileSync(path)), path);
}
