// Pairs that answer different questions are told from those that answer one, in conversations and in plain text.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DatasetRow, Message, Role } from '../protocol/chat';
import { isPromptGiven, sidesOf } from './preferences';
import { promptFault } from './sharedPrompt';

const told = (row: DatasetRow) => promptFault(sidesOf(row), isPromptGiven(row));
const turn = (role: Role, content: string): Message => ({ role, content });
const u = (content: string) => turn('user', content);
const a = (content: string) => turn('assistant', content);
const system = turn('system', 'Be brief.');

describe('conversations', () => {
  test.each<[string, DatasetRow, RegExp]>([
    [
      'a system message alone in common',
      { chosen: [system, u('Budget?'), a('12')], rejected: [system, u('Balance?'), a('13')] },
      /^chosen and rejected part before the answer: chosen goes on with a user turn \(“Budget\?”\) before its answer/,
    ],
    [
      'a later question that differs',
      { chosen: [u('Q'), a('A'), u('And?'), a('1')], rejected: [u('Q'), a('A'), u('Why?'), a('2')] },
      /part before the answer/,
    ],
    [
      'one side with a question more',
      { chosen: [u('Q'), a('A'), u('And?')], rejected: [u('Q'), a('A'), u('And?'), a('2')] },
      /part before the answer: chosen goes on with a user turn/,
    ],
    [
      'a question within a completion, behind a prompt of its own',
      { prompt: [u('Q')], chosen: [a('1')], rejected: [u('Another?'), a('2')] },
      /^rejected has a user turn \(“Another\?”\) before its answer, behind the prompt/,
    ],
    ['nothing in common', { chosen: [u('Q'), a('1')], rejected: [u('R'), a('2')] }, /no prompt in common/],
    [
      'a system message that differs',
      { chosen: [u('Q'), system, a('1')], rejected: [u('Q'), turn('system', 'Be long.'), a('2')] },
      /a system turn/,
    ],
  ])('%s: named', (_, row, words) => {
    expect(told(row)).toMatchObject({ message: expect.stringMatching(words), isGuess: false });
  });
  test.each<[string, DatasetRow]>([
    ['a prompt of its own', { prompt: [u('Q')], chosen: [a('1')], rejected: [a('2')] }],
    ['a prompt as text beside conversations', { prompt: 'Q', chosen: [u('Q'), a('1')], rejected: [u('Q'), a('2')] }],
    ['an answer that goes on over turns', { chosen: [u('Q'), a('1')], rejected: [u('Q'), a('2'), u('No?'), a('3')] }],
    [
      'calls and results that differ behind one call',
      {
        chosen: [u('Q'), a('call'), turn('tool', '1'), a('x')],
        rejected: [u('Q'), a('call'), turn('tool', '2'), a('y')],
      },
    ],
    [
      'the same question with its keys in another order',
      {
        chosen: [{ role: 'user', content: 'Q', name: 'Li' }, a('1')],
        rejected: [{ name: 'Li', content: 'Q', role: 'user' }, a('2')],
      },
    ],
  ])('%s: sound', (_, row) => expect(told(row)).toBeUndefined());

  // Contents of few words, so that answers share their beginnings and questions repeat.
  const content = fc
    .array(fc.constantFrom('yes', 'no', 'the', 'budget', '12', '?'), { minLength: 1, maxLength: 4 })
    .map((words) => words.join(' '));
  const answer = fc
    .tuple(content, fc.array(fc.tuple(content, content), { maxLength: 2 }), fc.option(content))
    .map(([first, calls, after]) => [
      a(first),
      ...calls.flatMap(([result, next]) => [turn('tool', result), a(next)]),
      ...(after === null ? [] : [u(after), a('more')]),
    ]);
  const asked = fc
    .tuple(fc.boolean(), fc.array(fc.tuple(content, answer), { maxLength: 2 }), content)
    .map(([hasSystem, turns, last]) => [
      ...(hasSystem ? [system] : []),
      ...turns.flatMap(([question, answers]) => [u(question), ...answers]),
      u(last),
    ]);
  test('two answers to one conversation are never named, with the prompt apart or within', () => {
    fc.assert(
      fc.property(asked, answer, answer, (prompt, x, y) => {
        fc.pre(x[0]!.content !== y[0]!.content);
        expect(told({ prompt, chosen: x, rejected: y })).toBeUndefined();
        expect(told({ chosen: [...prompt, ...x], rejected: [...prompt, ...y] })).toBeUndefined();
      }),
    );
  });
  test('two answers to different last questions are always named', () => {
    fc.assert(
      fc.property(asked, content, answer, answer, (prompt, other, x, y) => {
        fc.pre(other !== prompt.at(-1)!.content);
        const row = { chosen: [...prompt, ...x], rejected: [...prompt.slice(0, -1), u(other), ...y] };
        expect(told(row)?.isGuess).toBe(false);
        if (prompt.length > 1)
          expect(told({ prompt: prompt.slice(0, -1), chosen: [prompt.at(-1)!, ...x], rejected: [u(other), ...y] })?.isGuess).toBe(false); // biome-ignore format: one call
      }),
    );
  });
});

describe('plain text', () => {
  test.each([
    ['The budget is fine.', 'They have none.', '"The"'],
    ['I think so.', 'I do not.', '"I"'],
    ['Yes.', 'Yes. It is 12.', '"Yes"'],
    ['12.5 million', '12.7 million', '"12."'],
    ['是的，可以', '是否可以', '"是"'],
    ['User\nWhat is the budget? 12', 'User\nWho pays? Li', '"User\\nWh"'],
    ['## User\n\nBudget? 12', '## User\n\nWho pays? Li', '"## User\\n\\n"'],
    ['Question: What is due? 12', 'Question: Who pays? Li', '"Question: Wh"'],
    ['Human: A\n\nAssistant: x\n\nHuman: What? 1', 'Human: A\n\nAssistant: x\n\nHuman: Who? Li', 'Human: Wh"'],
    ['Yes\nIt is.', 'Yes it is.', '"Yes"'],
    [
      '<|start_header_id|>user<|end_header_id|>\n\nWhat? 12',
      '<|start_header_id|>user<|end_header_id|>\n\nWho? Li',
      'end_header_id|>\\n\\nWh"',
    ],
    ['\nThe budget is fine.', '\nThey have none.', '"\\nThe"'],
  ])('%j and %j: a word in common is no prompt', (chosen, rejected, shared) => {
    expect(told({ chosen, rejected })).toMatchObject({ message: expect.stringContaining(shared), isGuess: true });
  });
  test.each([
    ['Human: What is due?\n\nAssistant: 12', 'Human: Who is due?\n\nAssistant: Li'],
    [
      '<|im_start|>user\nWhat<|im_end|>\n<|im_start|>assistant\n1',
      '<|im_start|>user\nWho<|im_end|>\n<|im_start|>assistant\n2',
    ],
    [
      '\n\nHuman: A\n\nAssistant: B\n\nHuman: C\n\nAssistant: x',
      '\n\nHuman: A\n\nAssistant: B\n\nHuman: D\n\nAssistant: y',
    ],
    ['[INST] What? [/INST] 12', '[INST] Who? [/INST] Li'],
    ['User\nWhat is due?\n\nAssistant\n12', 'User\nWho is due?\n\nAssistant\nLi'],
    ['### Question\nWhat is the budget?\n### Answer\n12', '### Question\nWhat is the balance?\n### Answer\n13'],
  ])('%j and %j part within the question', (chosen, rejected) => {
    // biome-ignore format: one title
    expect(told({ chosen, rejected })?.message).toMatch(/part before the answer, within what is asked/);
  });
  test.each([
    ['The sky is blue.', 'The sky is green.'], // TRL's own example
    ['The answer is not here', 'The answer is nowhere'],
    ['Budget? 12', 'Budget? 13'],
    ['Q: 2 A: 3', 'Q: 2 A: 4'],
    ['2 + 2 = 4', '2 + 2 = 5'],
    ['What is due?\nSure, 12', 'What is due?\nSure, 13'],
    ['Budget\n12', 'Budget\n13'],
    ['Hello\n\nHi there', 'Hello\n\nHey'],
    ['User\nBudget\n12', 'User\nBudget\n13'],
    ['User\nWhat is due?\nAssistant\n12', 'User\nWhat is due?\nAssistant\n13'],
    ['User\nWhat is due? 12', 'User\nWhat is due? 13'],
    ['Translate this\nInput\ndog\nOutput\nHund', 'Translate this\nInput\ndog\nOutput\nKatze'],
    ['Q: Budget\nA: 12', 'Q: Budget\nA: 13'],
    ['天空是蓝色的', '天空是绿色的'],
    ['预算？十二', '预算？十三'],
    ['Human: What is due?\n\nAssistant: It is 12', 'Human: What is due?\n\nAssistant: It is 13'],
    ['Human: A\n\nAssistant: x\n\nHuman: B\n\nAssistant: 1', 'Human: A\n\nAssistant: y\n\nHuman: C\n\nAssistant: 2'],
    ['[INST] What? [/INST] 12', '[INST] What? [/INST] 13'],
    ['Question: what is 2 + 2? 4', 'Question: what is 2 + 2? 5'],
  ])('%j and %j are answers to one', (chosen, rejected) => {
    // biome-ignore format: one title
    expect(told({ chosen, rejected })).toBeUndefined();
  });
  test('a prompt of its own ends where it says, also where answers share words or begin at once', () => {
    for (const prompt of ['', 'Q', 'The'])
      for (const [chosen, rejected] of [['Yes.', 'No.'], ['The end', 'The start'], ['a', 'b']] as const) // biome-ignore format: pairs
        expect(told({ prompt, chosen, rejected })).toBeUndefined();
  });
});
