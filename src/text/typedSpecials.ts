// Special tokens that somebody typed: the characters of <|im_end|> in a message, a text or the name of a tool.
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
