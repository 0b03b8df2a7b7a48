// Special tokens that somebody typed: the characters of <|im_end|> in a message, a text or the name of a tool.
import { DataError } from '../lib/errors';
import type { DatasetRow, Finding, Message } from '../protocol/chat';
import type { Tokenizer } from './tokenizer';

/** Made once a tokenizer: vocabularies have thousands of them. */
const patterns = new WeakMap<Tokenizer, RegExp | undefined>();
function patternOf(tokenizer: Tokenizer): RegExp | undefined {
  if (!patterns.has(tokenizer)) {
    // One of a single character, such as a line break, is no sign that could be forged.
    const contents = tokenizer.addedTokens.flatMap(({ special, content }) =>
      special && content.length > 1 ? [content] : [],
    );
    const escaped = contents.map((content) => content.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    patterns.set(tokenizer, escaped.length ? new RegExp(escaped.join('|')) : undefined);
  }
  return patterns.get(tokenizer);
}

/** The first special token that the text spells; undefined when there is none. Tokens that are not special do not count. */
export const typedSpecial = (text: string, tokenizer: Tokenizer): string | undefined =>
  patternOf(tokenizer)?.exec(text)?.[0];

/**
 * Names, enum values and keys of tools are printed by the template as its own text, so a special token in them would become a
 * special id. Descriptions and contents are marked, and are safe. Throws DataError.
 */
export function refuseSpecialNames(row: DatasetRow, tokenizer: Tokenizer): void {
  if (!row.tools && !row.chat_template_kwargs) return;
  const text = JSON.stringify([row.tools, row.chat_template_kwargs], (key, value: unknown) =>
    key === 'description' && typeof value === 'string' ? '' : value,
  );
  const typed = typedSpecial(text, tokenizer);
  if (typed)
    throw new DataError(
      `tools or chat_template_kwargs hold ${typed} in a name, a key or a value, where the template would print it as its own. Remove it.`,
      { where: 'tools' },
    );
}

/** The first message whose content spells a special token; `reading`: how the studio was asked to read it. */
export function typedInMessages(
  messages: readonly Message[],
  tokenizer: Tokenizer,
  reading: 'text' | 'token',
): Finding | undefined {
  for (const [i, { content }] of messages.entries()) {
    const typed = typeof content === 'string' ? typedSpecial(content, tokenizer) : undefined;
    if (typed)
      return {
        kind: 'special_in_text',
        blocking: false,
        message:
          reading === 'token'
            ? `messages[${i}].content holds ${typed}, which becomes the token itself, as in transformers and TRL: whoever writes it can forge a turn. Remove it, or escape it before it reaches them.`
            : `messages[${i}].content holds ${typed}, which is read as plain characters here. transformers and TRL would make the token of it, so that whoever writes it can forge a turn. Remove it, or escape it before it reaches them.`,
      };
  }
  return undefined;
}

/** The same of a row that is a string; EOS at its end is no sign of anything. */
export function typedInText(text: string, where: string, eos: string, tokenizer: Tokenizer): Finding[] {
  const typed = typedSpecial(text.endsWith(eos) ? text.slice(0, -eos.length) : text, tokenizer);
  if (!typed) return [];
  return [
    {
      kind: 'special_in_text',
      blocking: false,
      message: `${where} holds ${typed}, which becomes the token itself, as in transformers and TRL: whoever writes the text can forge a turn. Escape it where the text comes from outside, and use messages if a chat is meant.`,
    },
  ];
}
