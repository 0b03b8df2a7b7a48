// A recipe's `peft` as the values of fields, and back. Pure; names are PEFT's.
import { type ConfigOf, defaults } from '../../lib/fields';
import type { Json } from '../../protocol/chat';
import type { Recipe } from '../../protocol/recipe';
import { fields } from '../../trainers/peft/config';

export type Peft = NonNullable<Recipe['peft']>;
export type PeftValues = ConfigOf<typeof fields>;

/** The fields of the form; init_lora_weights is a choice of words there, true or "gaussian" in PEFT. */
export const peftValues = (peft: Peft): PeftValues => {
  const known = Object.fromEntries(Object.entries(peft).filter(([key]) => key in fields));
  const init = peft.init_lora_weights === 'gaussian' ? 'gaussian' : 'true';
  return { ...defaults(fields), ...known, init_lora_weights: init } as PeftValues;
};

/** The adapter with changed fields. lora_alpha stays what it is: moving r alone shows what the scale does. */
export function withPeftValues(peft: Peft, change: { [key: string]: Json }): Peft {
  const { init_lora_weights: init, ...rest } = change;
  return {
    ...peft,
    ...rest,
    ...(init !== undefined && { init_lora_weights: init === 'gaussian' ? 'gaussian' : true }),
  };
}
