// Label noise that a person asks for: no setting of a trainer, but part of a recipe's data.
import type { Fields } from '../../lib/fields';

export const NOISE_FIELD: Fields = {
  flipped_votes: {
    type: 'number',
    default: 0,
    min: 0,
    max: 1,
    help: 'Share of the training votes that are turned round, drawn by the seed of the data. Held-out votes stay as they are.',
  },
};
