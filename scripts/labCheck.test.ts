// `npm run lab -- check` as somebody's CI runs it: exit codes, rows by file and line, a model's folder, golden samples.
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { sftNano } from '../src/labs/recipes/sft';
import { BUILTIN_TEMPLATE, BUILTIN_TOKENS } from '../src/text/builtinTemplate';
import { compileTemplate } from '../src/text/chatTemplate';
import { goldenFile, makeGolden } from '../src/text/goldens';
import { Tokenizer } from '../src/text/tokenizer';

const check = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
  new Promise((resolve) => {
    execFile(process.execPath, ['scripts/run.mjs', 'scripts/lab.ts', 'check', ...args], (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
const folder = mkdtempSync(join(tmpdir(), 'check-'));
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const chat = (answer?: string) =>
  JSON.stringify({
    messages: [{ role: 'user', content: 'Q' }, ...(answer ? [{ role: 'assistant', content: answer }] : [])],
  });
let rows = '';
let sound = '';
const model = join(folder, 'model');
beforeAll(() => {
  rows = file('rows.jsonl', `${chat('A')}\n\n${chat()}\n${chat('B')}\n`);
  sound = file('sound.jsonl', `${chat('A')}\n${chat('B')}\n`);
  mkdirSync(model);
  copyFileSync('test/fixtures/tokenizers/llama3.json', join(model, 'tokenizer.json'));
  const template =
    "{% for m in messages %}[{{ m.role }}]{{ m.content }}{{ eos_token if m.role == 'assistant' }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}";
  writeFileSync(
    join(model, 'tokenizer_config.json'),
    JSON.stringify({ bos_token: '<s>', eos_token: '</s>', pad_token: '</s>', chat_template: template }),
  );
});
const assistant = ['--mode', 'assistant_only_loss'];

test('faults end with 1 and name file and line; sound rows end with 0; allowed kinds do not count', async () => {
  const [bad, good, allowed] = await Promise.all([
    check('--data', rows, ...assistant),
    check('--data', sound, ...assistant),
    check('--data', rows, ...assistant, '--allow', 'nothing_trained', '--json'),
  ]);
  expect(bad).toMatchObject({ code: 1, stderr: '' });
  expect(bad.stdout).toContain('✕ nothing_trained: 1 row, nothing is trained (rows.jsonl:3)');
  expect(good).toMatchObject({ code: 0, stdout: expect.stringContaining('✓ nothing stops a run') });
  expect(allowed.code).toBe(0);
  expect(JSON.parse(allowed.stdout)).toMatchObject({
    isClean: true,
    rows: 3,
    findings: [{ kind: 'nothing_trained', rows: 1, isAllowed: true }],
  });
});

test("a model's folder: its tokenizer, template and tokens", async () => {
  const [markers, derived] = await Promise.all([
    check('--data', sound, '--tokenizer', model, ...assistant),
    check('--data', sound, '--tokenizer', model, ...assistant, '--assistant_spans', 'derived', '--json'),
  ]);
  expect(markers).toMatchObject({ code: 1, stdout: expect.stringContaining('no {% generation %} block') });
  const report = JSON.parse(derived.stdout);
  expect(derived.code).toBe(0);
  expect(report.notes.map(({ kind }: { kind: string }) => kind)).toEqual(['pad_is_eos']);
  expect(report.trained).toBe(4); // A </s>, B </s>
});

test('a recipe is masked as its run masks it, completion_only_loss included', async () => {
  const turn = (role: string, content: string) => ({ role, content });
  const two = {
    prompt: [turn('user', 'Q'), turn('assistant', 'A'), turn('user', 'R')],
    completion: [turn('assistant', 'B')],
  };
  const path = file('two.jsonl', `${JSON.stringify(two)}\n`);
  const recipe = (completion_only_loss: boolean) => ({
    ...sftNano,
    data: { train: [{ ref: `file:${path}` }], eval: [] },
    args: { assistant_only_loss: true, completion_only_loss },
  });
  const [both, last] = await Promise.all(
    [false, true].map((only) => check(file(`${only}.json`, JSON.stringify(recipe(only))), '--json')),
  );
  expect(JSON.parse(both!.stdout).trained).toBe(4); // A <|im_end|>, B <|im_end|>
  expect(JSON.parse(last!.stdout).trained).toBe(2);
});

test('template variables: for rows from the command line, for golden samples those that they were pinned with', async () => {
  const source = `{{ 'think ' if enable_thinking else '' }}${BUILTIN_TEMPLATE}`;
  const thinking = file('thinking.jinja', source);
  const settings = {
    tokenizer: Tokenizer.fromJson(readFileSync('public/models/tokenizer.json', 'utf8')),
    template: compileTemplate(source),
    ...BUILTIN_TOKENS,
    mode: 'full' as const,
  };
  const kwargs = { enable_thinking: true };
  const golden = await makeGolden(
    'thinks',
    JSON.parse(chat('A')),
    { mode: 'full', chat_template_kwargs: kwargs },
    settings,
  );
  const goldens = file('thinking.json', JSON.stringify(goldenFile([golden])));
  const data = ['--data', sound, '--mode', 'full', '--template', thinking, '--json'];
  const [plain, thinks, pinned, bad] = await Promise.all([
    check(...data),
    check(...data, '--chat_template_kwargs', JSON.stringify(kwargs)),
    check('--goldens', goldens, '--template', thinking),
    check('--data', sound, '--chat_template_kwargs', '[1]'),
  ]);
  expect(JSON.parse(thinks.stdout).tokens).toBeGreaterThan(JSON.parse(plain.stdout).tokens);
  expect(pinned).toMatchObject({ code: 0, stdout: expect.stringContaining('1 golden sample, 0 changed') });
  expect(bad).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(
      '--chat_template_kwargs must be a JSON object, such as {"enable_thinking": true}, got [1]',
    ),
  });
});

test('golden samples: the same ends with 0, a changed template with 1 and the place', async () => {
  const template = compileTemplate(BUILTIN_TEMPLATE);
  const tokenizer = Tokenizer.fromJson(readFileSync('public/models/tokenizer.json', 'utf8'));
  const settings = { tokenizer, template, ...BUILTIN_TOKENS, mode: 'assistant_only_loss' as const };
  const golden = await makeGolden('budget', JSON.parse(chat('A')), settings, settings);
  const goldens = file('goldens.json', JSON.stringify(goldenFile([golden])));
  const changed = file('changed.jinja', BUILTIN_TEMPLATE.replaceAll('assistant\\n', 'assistant \\n'));
  const [same, drift] = await Promise.all([
    check('--goldens', goldens),
    check('--goldens', goldens, '--template', changed),
  ]);
  expect(same).toMatchObject({ code: 0, stdout: expect.stringContaining('1 golden sample, 0 changed') });
  expect(drift).toMatchObject({ code: 1, stdout: expect.stringContaining('budget: string changed, ids changed') });
});

test('wrong usage and unreadable files end with 2, in a sentence', async () => {
  const broken = file('broken.jsonl', `${chat('A')}\n{oops\n`);
  const [none, missing, bad, kind] = await Promise.all([
    check(),
    check('--data', 'no-such.jsonl'),
    check('--data', broken),
    check('--data', sound, '--allow', 'everything'),
  ]);
  expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining('Usage: npm run lab -- check') });
  expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining('There is no file no-such.jsonl') });
  expect(bad).toMatchObject({ code: 2, stderr: expect.stringContaining('broken.jsonl, line 2: not valid JSON') });
  expect(kind).toMatchObject({ code: 2, stderr: expect.stringContaining('--allow knows no kind everything') });
  for (const { stderr } of [none, missing, bad, kind]) expect(stderr).not.toContain('    at ');
});

test('pad = eos is a note, and stops a run where padding is masked by its id', async () => {
  const [length, id] = await Promise.all([
    check('--data', sound, '--tokenizer', model, '--mode', 'full'),
    check('--data', sound, '--tokenizer', model, '--mode', 'full', '--pad_masked_by', 'id'),
  ]);
  expect(length.stdout).not.toContain('✕ pad_is_eos');
  expect(id.stdout).toContain('✕ pad_is_eos');
});
