// `npm run lab -- check`: the pre-flight gate on anybody's rows, tokenizer and template, for people's own CI.
// Ends with 0 when nothing stops a run, 1 when something does, 2 for wrong usage or files that cannot be read.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseJsonl } from '../src/data/jsonl';
import { type CheckedRow, type CheckReport, checkRows } from '../src/labs/check';
import { recipeRows } from '../src/labs/recipeRows';
import { settingsOf } from '../src/labs/recipeSettings';
import { StudioError } from '../src/lib/errors';
import { count, percent, plural } from '../src/lib/words';
import { FINDING_KINDS, type Json } from '../src/protocol/chat';
import { isKitFile } from '../src/protocol/kitFiles';
import { BUILTIN_TEMPLATE, BUILTIN_TOKENS } from '../src/text/builtinTemplate';
import { chatKitOf, compileKit } from '../src/text/chatKit';
import { compileTemplate } from '../src/text/chatTemplate';
import { checkGolden, parseGoldens } from '../src/text/goldens';
import type { RenderContext, RenderSettings } from '../src/text/renderContext';
import { Tokenizer } from '../src/text/tokenizer';
import { loadRenderContext } from './nodeModels';
import { importedRows, readRecipe, UsageError } from './recipeFile';

const USAGE = `Usage: npm run lab -- check <recipe.json | lab id>, or
  npm run lab -- check --data rows.jsonl [--eval held.jsonl] [--tokenizer folder|tokenizer.json]
  [--template chat_template.jinja] [--mode assistant_only_loss|completion_only_loss|full|default] [--max_length 1024]
  [--truncation_mode keep_start|keep_end|drop|refuse] [--assistant_spans generation|derived] [--assistant_turns all|last]
  [--train_on_eos turn|all|last|none] [--pad_token T] [--eos_token T] [--chat_template_kwargs '{…}']
  [--special_in_content text|token] [--pad_masked_by length|id] [--goldens goldens.json] [--allow kind,kind] [--json]`;

const OPTIONS = {
  data: { type: 'string' },
  eval: { type: 'string' },
  tokenizer: { type: 'string' },
  template: { type: 'string' },
  mode: { type: 'string', default: 'default' },
  max_length: { type: 'string', default: '1024' },
  truncation_mode: { type: 'string', default: 'keep_start' },
  assistant_spans: { type: 'string', default: 'generation' },
  assistant_turns: { type: 'string', default: 'all' },
  train_on_eos: { type: 'string', default: 'turn' },
  special_in_content: { type: 'string', default: 'text' },
  pad_masked_by: { type: 'string', default: 'length' },
  pad_token: { type: 'string' },
  eos_token: { type: 'string' },
  chat_template_kwargs: { type: 'string', default: '{}' },
  goldens: { type: 'string' },
  allow: { type: 'string', default: '' },
  json: { type: 'boolean', default: false },
} as const;
const CHOICES: Record<string, readonly string[]> = {
  mode: ['full', 'completion_only_loss', 'assistant_only_loss', 'default'],
  truncation_mode: ['keep_start', 'keep_end', 'drop', 'refuse'],
  assistant_spans: ['generation', 'derived'],
  assistant_turns: ['all', 'last'],
  train_on_eos: ['turn', 'all', 'last', 'none'],
  special_in_content: ['text', 'token'],
  pad_masked_by: ['length', 'id'],
};

function readOptions(args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
    if (positionals.length > 1) throw new Error('Name one recipe.');
    for (const [key, known] of Object.entries(CHOICES)) {
      const value = String(values[key as keyof typeof values]);
      if (!known.includes(value)) throw new Error(`--${key} must be one of ${known.join(', ')}, got ${value}.`);
    }
    const max_length = Number(values.max_length);
    if (!Number.isInteger(max_length) || max_length < 1)
      throw new Error(`--max_length must be a whole number of at least 1, got ${values.max_length}.`);
    const allow = values.allow.split(',').filter(Boolean);
    const strange = allow.find((kind) => !FINDING_KINDS.some((known) => known === kind));
    if (strange) throw new Error(`--allow knows no kind ${strange}. Known: ${FINDING_KINDS.join(', ')}.`);
    const [recipe] = positionals;
    if (!recipe && !values.data && !values.goldens)
      throw new Error('Name a recipe, rows with --data, or golden samples with --goldens.');
    return { ...values, recipe, max_length, allow, chat_template_kwargs: readKwargs(values.chat_template_kwargs) };
  } catch (error) {
    throw new UsageError((error as Error).message, USAGE);
  }
}

function readKwargs(given: string): { [key: string]: Json } {
  let value: unknown;
  try {
    value = JSON.parse(given);
  } catch {
    // Told below, with what was found.
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`--chat_template_kwargs must be a JSON object, such as {"enable_thinking": true}, got ${given}.`);
  return value as { [key: string]: Json };
}

function readText(path: string): string {
  if (!existsSync(path)) throw new UsageError(`There is no file ${path}.`, USAGE);
  return readFileSync(path, 'utf8');
}
/** Files of a model's folder, or the one that is named. */
function kitFiles(path: string): Map<string, string> {
  if (!existsSync(path)) throw new UsageError(`There is neither a file nor a folder ${path}.`, USAGE);
  if (!statSync(path).isDirectory()) return new Map([['tokenizer.json', readText(path)]]);
  const files = new Map<string, string>();
  // The names of the others tell what is missing.
  for (const name of readdirSync(path, { recursive: true }) as string[])
    if (!statSync(join(path, name)).isDirectory()) files.set(name, isKitFile(name) ? readText(join(path, name)) : '');
  return files;
}

function contextOf({ tokenizer: path, template, pad_token, eos_token }: ReturnType<typeof readOptions>): {
  context: RenderContext;
  notes: string[];
} {
  const own = template === undefined ? undefined : compileTemplate(readText(template));
  // A fixed clock: what is checked today is what is checked tomorrow.
  const now = () => new Date(Date.UTC(2026, 0, 1));
  if (path === undefined)
    return {
      context: {
        tokenizer: Tokenizer.fromJson(readText('public/models/tokenizer.json')),
        template: own ?? compileTemplate(BUILTIN_TEMPLATE),
        now,
        ...BUILTIN_TOKENS,
        ...(pad_token !== undefined && { padToken: pad_token }),
        ...(eos_token !== undefined && { eosToken: eos_token }),
      },
      notes: [],
    };
  const kit = chatKitOf(kitFiles(path));
  const variables: { [name: string]: string } = {
    ...kit.variables,
    ...(pad_token && { pad_token }),
    ...(eos_token && { eos_token }),
  };
  return {
    context: {
      tokenizer: kit.tokenizer,
      template: own ?? compileKit(kit) ?? compileTemplate(BUILTIN_TEMPLATE),
      now,
      eosToken: variables.eos_token,
      bosToken: variables.bos_token,
      padToken: variables.pad_token,
      templateVariables: variables,
    },
    notes: kit.notes,
  };
}

function rowsOf(path: string | undefined): CheckedRow[] {
  if (path === undefined) return [];
  if (!existsSync(path)) throw new UsageError(`There is no file ${path}.`, USAGE);
  const { rows, lines } = parseJsonl(new Uint8Array(readFileSync(path)), basename(path));
  return rows.map((row, i) => ({ rowId: `${basename(path)}:${lines[i]}`, row }));
}

/** The rows of a recipe under its own settings; what it overrides is allowed. */
function checkRecipe(source: string, allow: readonly string[]): CheckReport {
  const recipe = readRecipe(source);
  const settings = { ...loadRenderContext(recipe.template), ...settingsOf(recipe) };
  const [train, held] = (['train', 'eval'] as const).map((part) => recipeRows(recipe, part, importedRows));
  return checkRows(train!, held!, settings, { allow: [...allow, ...(recipe.overrides ?? [])] });
}

export async function check(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  let report: CheckReport | undefined;
  let goldens: ReturnType<typeof checkGolden>[] = [];
  let notes: string[];
  try {
    const { context, notes: told } = contextOf(options);
    notes = told;
    const settings = {
      ...context,
      templateVariables: { ...context.templateVariables, ...options.chat_template_kwargs },
      mode: options.mode,
      max_length: options.max_length,
      truncation_mode: options.truncation_mode,
      pad_masked_by: options.pad_masked_by,
      mask: {
        assistant_spans: options.assistant_spans,
        assistant_turns: options.assistant_turns,
        train_on_eos: options.train_on_eos,
        special_in_content: options.special_in_content,
      },
    } as RenderSettings;
    if (options.recipe) report = checkRecipe(options.recipe, options.allow);
    else if (options.data) {
      const [train, held] = [rowsOf(options.data), rowsOf(options.eval)];
      let done = 0;
      const total = train.length + held.length;
      const onRow = () => {
        done++;
        if (process.stderr.isTTY && done % 200 === 0)
          process.stderr.write(`\r\x1b[K${count(done)} of ${count(total)} rows`);
      };
      report = checkRows(train, held, settings, { allow: options.allow, onRow });
      if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    }
    if (options.goldens)
      goldens = parseGoldens(readText(options.goldens)).map((golden) => checkGolden(golden, context));
  } catch (error) {
    // Files that cannot be read are no finding.
    if (error instanceof StudioError) throw new UsageError(error.message, '');
    throw error;
  }
  const changed = goldens.filter(({ text, ids, supervised }) => [text, ids, supervised].some((s) => s !== 'same'));
  const isClean = (report?.isClean ?? true) && changed.length === 0;
  if (options.json) console.log(JSON.stringify({ ...report, isClean, notes_on_tokenizer: notes, goldens }, null, 2));
  else tell(report, notes, goldens, changed);
  return isClean ? 0 : 1;
}

function tell(
  report: CheckReport | undefined,
  notes: readonly string[],
  goldens: readonly { name: string }[],
  changed: readonly ReturnType<typeof checkGolden>[],
): void {
  for (const note of notes) console.log(`note: ${note}`);
  if (report) {
    const { rows, tokens, trained, findings, unreadable } = report;
    console.log(
      `${plural(rows, 'row')}, ${plural(tokens, 'token')}, ${count(trained)} trained (${percent(tokens === 0 ? 0 : trained / tokens)}).`,
    );
    for (const { rowId, message } of unreadable.first) console.log(`✕ ${rowId}: ${message}`);
    if (unreadable.rows > unreadable.first.length)
      console.log(`✕ and ${count(unreadable.rows - unreadable.first.length)} more rows that cannot be rendered`);
    for (const { kind, title, rows: n, rowIds, first, isAllowed } of findings) {
      const named = rowIds.slice(0, 10).join(', ');
      console.log(
        `${isAllowed ? '· allowed' : '✕'} ${kind}: ${n > 0 ? `${plural(n, 'row')}, ` : ''}${title}${named ? ` (${named}${n > 10 ? ', …' : ''})` : ''}\n  ${first}`,
      );
    }
    for (const { kind, rows: n, first } of report.notes) console.log(`· ${kind}: ${plural(n, 'row')}. ${first}`);
  }
  if (goldens.length > 0) {
    console.log(`${plural(goldens.length, 'golden sample')}, ${changed.length} changed.`);
    for (const { name, text, ids, supervised, textAt, tokenAt, error } of changed) {
      console.log(`✕ ${name}: string ${text}, ids ${ids}, supervised tokens ${supervised}`);
      if (error) console.log(`  ${error}`);
      if (textAt) console.log(`  ${JSON.stringify(textAt.was)} became ${JSON.stringify(textAt.is)}`);
      if (tokenAt)
        console.log(`  first differing token ${tokenAt.index}: ${tokenAt.was} became ${tokenAt.is?.id ?? 'the end'}`);
    }
  }
  console.log((report?.isClean ?? true) && changed.length === 0 ? '✓ nothing stops a run' : '✕ a run would be stopped');
}
