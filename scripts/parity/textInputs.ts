// Writes the inputs of text.py: a small tokenizer trained by the studio, its template, and the conversations to compare.
// Run: node scripts/run.mjs scripts/parity/textInputs.ts, then python scripts/parity/text.py
import { mkdirSync, writeFileSync } from 'node:fs';
import { trainBpe } from '../../src/text/bpe';
import { BUILTIN_TEMPLATE, builtinTokenizerConfig } from '../../src/text/builtinTemplate';
import { CASES, JINJA_CASES, LITERAL } from './textCases';

const folder = 'test/fixtures/text';
mkdirSync(folder, { recursive: true });
const write = (name: string, value: unknown) =>
  writeFileSync(`${folder}/${name}`, `${JSON.stringify(value, null, 1)}\n`);
write('tokenizer.json', trainBpe(LITERAL, { vocabSize: 320 }));
write('tokenizer_config.json', builtinTokenizerConfig());
write('inputs.json', { template: BUILTIN_TEMPLATE, cases: CASES, jinja: JINJA_CASES });
