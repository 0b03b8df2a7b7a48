// What every method declares about itself as data, so that the page can read it without loading tfjs.
import type { Fields } from '../lib/fields';

export interface TrainerConfig {
  /** `recipe.trainer`, and the folder under src/trainers. */
  id: string;
  title: string;
  fields: Fields;
  /** Logged metric → unit and one sentence. */
  metrics: Record<string, { unit: string; meaning: string }>;
}
