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

type Form = 'sft' | 'lora' | 'preferences';
type Typed = Readonly<Record<string, string>>;
interface TypedFields {
  forms: Readonly<Record<Form, Typed>>;
  type(form: Form, key: string, text: string | undefined): void;
}
const useStore = create<TypedFields>()((set) => ({
  forms: { sft: {}, lora: {}, preferences: {} },
  type: (form, key, text) =>
    set(({ forms }) => {
      const { [key]: _old, ...others } = forms[form];
      return { forms: { ...forms, [form]: text === undefined ? others : { ...others, [key]: text } } };
    }),
}));

export function useTypedFields(form: Form): { typed: Typed; type: (key: string, text: string | undefined) => void } {
  const { forms, type } = useStore();
  return { typed: forms[form], type: (key, text) => type(form, key, text) };
}

/** Complaints about what is typed, in the order in which it was. */
export const typedComplaints = (typed: Typed, fields: Fields): string[] => Object.values(typedProblems(fields, typed));
