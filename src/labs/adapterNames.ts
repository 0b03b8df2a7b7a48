// Which adapters a recipe trains, by name. Data only, so that the page may read it.
import { DEFAULT_ADAPTER } from '../protocol/peft';
import type { Recipe } from '../protocol/recipe';

/** In the order in which data.train names them; empty where all weights are trained. */
export const adapterNames = ({ peft, data }: Pick<Recipe, 'peft' | 'data'>): string[] =>
  peft ? [...new Set(data.train.map(({ adapter = DEFAULT_ADAPTER }) => adapter))] : [];
