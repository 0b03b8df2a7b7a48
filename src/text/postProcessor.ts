// Post-processors of tokenizer.json, as far as they add ids: what stands before and after a single text.
import { fail, isObject, type StepJson, shown, stepOf, stepsOf, unsupported } from './jsonFields';

export interface Around {
  prefixIds: number[];
  suffixIds: number[];
}
const KNOWN = ['TemplateProcessing', 'ByteLevel', 'BertProcessing', 'RobertaProcessing', 'Sequence'];

function template(json: StepJson, where: string): Around {
  const out: Around = { prefixIds: [], suffixIds: [] };
  const table = isObject(json.special_tokens) ? json.special_tokens : {};
  if (!Array.isArray(json.single)) fail(`${where}.single`, 'must be a list');
  let seenText = false;
  for (const part of json.single as unknown[]) {
    if (isObject(part) && 'Sequence' in part) seenText = true;
    else if (isObject(part) && isObject(part.SpecialToken)) {
      const name = String(part.SpecialToken.id);
      const entry = table[name];
      const ids = isObject(entry) ? entry.ids : undefined;
      if (!Array.isArray(ids) || !ids.every((id) => Number.isInteger(id)))
        fail(`${where}.special_tokens`, `lacks the ids of ${shown(name)}, which its template names`);
      (seenText ? out.suffixIds : out.prefixIds).push(...(ids as number[]));
    } else fail(`${where}.single`, `holds ${shown(part)}, expected Sequence or SpecialToken`);
  }
  return out;
}

/** [token, id] of Bert's and Roberta's cls and sep. */
function pairId(json: StepJson, key: string, where: string): number {
  const pair = json[key];
  if (Array.isArray(pair) && Number.isInteger(pair[1])) return pair[1] as number;
  return fail(`${where}.${key}`, `is ${shown(pair)}, expected [token, id]`);
}

function one(json: StepJson, where: string): Around {
  switch (json.type) {
    case 'TemplateProcessing':
      return template(json, where);
    case 'BertProcessing':
    case 'RobertaProcessing':
      return { prefixIds: [pairId(json, 'cls', where)], suffixIds: [pairId(json, 'sep', where)] };
    case 'ByteLevel':
      // Only trims blanks from offsets; ours keep them, so that spans cover the text.
      return { prefixIds: [], suffixIds: [] };
    case 'Sequence': {
      const parts = stepsOf(json, 'processors', where).map((step, i) => one(step, `${where}.processors[${i}]`));
      // A later step stands around what the earlier ones gave.
      return {
        prefixIds: [...parts].reverse().flatMap((part) => part.prefixIds),
        suffixIds: parts.flatMap((part) => part.suffixIds),
      };
    }
    default:
      return unsupported(where, json.type, KNOWN);
  }
}

/** Throws DataError naming the step that is unknown or malformed. */
export function parsePostProcessor(json: unknown): Around {
  if (json === null || json === undefined) return { prefixIds: [], suffixIds: [] };
  return one(stepOf(json, 'post_processor'), 'post_processor');
}
