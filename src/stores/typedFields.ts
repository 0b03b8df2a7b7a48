// What is typed into number fields and is no setting yet, by form. Kept beside the recipes, so that a number that does not fit
// stays in sight, with its complaint, when a form is folded or its panel left.
import { create } from 'zustand';
import { type Fields, typedProblems } from '../lib/fields';

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

type Typed = Readonly<Record<string, string>>;
const NOTHING: Typed = {};
interface TypedFields {
  /** By panel. */
  forms: Readonly<Record<string, Typed>>;
  type(form: string, key: string, text: string | undefined): void;
}
const useStore = create<TypedFields>()((set) => ({
  forms: {},
  type: (form, key, text) =>
    set(({ forms }) => {
      const { [key]: _old, ...others } = forms[form] ?? NOTHING;
      return { forms: { ...forms, [form]: text === undefined ? others : { ...others, [key]: text } } };
    }),
}));

export function useTypedFields(form: string): { typed: Typed; type: (key: string, text: string | undefined) => void } {
  const { forms, type } = useStore();
  return { typed: forms[form] ?? NOTHING, type: (key, text) => type(form, key, text) };
}

/** Complaints about what is typed, in the order in which it was. */
export const typedComplaints = (typed: Typed, fields: Fields): string[] => Object.values(typedProblems(fields, typed));
