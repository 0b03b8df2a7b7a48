// Fields of an adapter, as PEFT names them, in a form that edits a recipe's `peft`.
import { pickFields } from '../../lib/fields';
import { fields } from '../../trainers/peft/config';
import { ConfigForm, type ConfigFormProps } from '../../ui/ConfigForm';
import { type Peft, peftValues, withPeftValues } from './peftValues';

export function PeftFields({
  keys,
  peft,
  onChange,
  ...form
}: Omit<ConfigFormProps, 'fields' | 'value' | 'onChange'> & {
  /** Which fields, in this order. */
  keys: readonly string[];
  peft: Peft;
  onChange: (peft: Peft) => void;
}) {
  return (
    <ConfigForm
      fields={pickFields(fields, keys)}
      value={peftValues(peft)}
      onChange={(part) => onChange(withPeftValues(peft, part))}
      {...form}
    />
  );
}
