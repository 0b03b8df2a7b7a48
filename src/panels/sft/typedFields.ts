// What is typed into the recipe's number fields and is not a setting yet. Kept beside the recipe, so that a number that does
// not fit stays in sight, with its complaint, when the form is folded or the panel left.
import { create } from 'zustand';
import { type Fields, typedProblems } from '../../lib/fields';
import { trainers } from '../../trainers/registry';

export const SEED_FIELD: Fields = {
  seed: {
    type: 'number',
    default: 1,
    min: 0,
    max: 4_294_967_295,
    integer: true,
    help: 'Order of the rows and all other chance: same seed, same run.',
  },
};

interface Typed {
  typed: Readonly<Record<string, string>>;
  type(key: string, text: string | undefined): void;
}
export const useTypedFields = create<Typed>()((set) => ({
  typed: {},
  type: (key, text) =>
    set(({ typed: { [key]: _old, ...others } }) => ({
      typed: text === undefined ? others : { ...others, [key]: text },
    })),
}));

/** Complaints about what is typed, in the order in which it was. */
export const typedComplaints = (typed: Typed['typed']): string[] =>
  Object.values(typedProblems({ ...trainers.sft.fields, ...SEED_FIELD }, typed));
