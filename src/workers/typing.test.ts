// What a key pressed in the template editor costs: the text worker answers within 100 ms of its CPU time for a conversation of
// 2,000 tokens. CPU time, because a machine that is busy with something else must not decide; the median, because the
// collector of memory and the compiler of the engine strike now and then.
import { readFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import type { Message } from '../protocol/chat';
import { BUILTIN_TEMPLATE } from '../text/builtinTemplate';
import { builtinItems } from '../world/registry';
import { testBed } from './testBed';

const LIMIT_MS = 100;
const TOKENS = 2000;
const KEYS = 15;
const WARM_UP = 5;
const styles = ['llama31', 'qwen3', 'gemma3', 'gptoss', 'deepseek_v3', 'command_r'];
const templates: [string, string][] = [
  ['the built-in one', BUILTIN_TEMPLATE],
  ...styles.map((style): [string, string] => {
    const file = new URL(`../../test/fixtures/templates/styles/${style}.jinja`, import.meta.url);
    return [style, readFileSync(file, 'utf8')];
  }),
];
const bed = testBed();
afterAll(() => bed.close());

/** Turns of user and assistant, as any template takes them. */
const turns: Message[] = builtinItems('builtin:sft/multi', { rows: 80, seed: 5, split: 'train' }).flatMap(({ row }) => {
  const said = (role: Message['role']) => row.messages!.find((m) => m.role === role && m.content)!.content;
  return [
    { role: 'user', content: said('user') },
    { role: 'assistant', content: said('assistant') },
  ] satisfies Message[];
});
const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

test.each(templates)('a key pressed in %s', async (_name, source) => {
  const ask = async (messages: Message[], template: string) => {
    const settings = { mode: 'full', max_length: 1_000_000, template } as const;
    const { encoded } = await bed.text.request('encodeRow', { row: { messages }, rowId: 'typing', settings });
    return encoded.ids.length;
  };
  let messages: Message[] = [];
  for (let tokens = 0; tokens < TOKENS; tokens = await ask(messages, source))
    messages = turns.slice(0, messages.length + 2);
  const spent: number[] = [];
  for (let key = 0; key < WARM_UP + KEYS; key++) {
    // Another source each time, so that it is parsed anew.
    const template = `${source}{# ${'x'.repeat(key)} #}`;
    const before = cpuMs();
    expect(await ask(messages, template)).toBeGreaterThanOrEqual(TOKENS);
    if (key >= WARM_UP) spent.push(cpuMs() - before);
  }
  const median = spent.sort((a, b) => a - b)[KEYS >> 1]!;
  expect(median).toBeLessThan(LIMIT_MS);
});
