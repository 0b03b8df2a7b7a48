// True quality by the preference rubric (src/world/pref/rubric.ts): what a reward model only guesses at.
import { gradeTurn } from '../../world/grade';
import type { RewardFunction } from './reward';

export const rubric =
  (): RewardFunction =>
  ({ completions, rows }) =>
    completions.map((text, i) => {
      const known = rows[i]!.case;
      return known ? gradeTurn(known.truth, text, known.expected, known.lastUser).rubric : null;
    });
