// Token strips of the two things the studio encodes: dataset rows (roles, mask, heat) and prompts.
import { useMemo } from 'react';
import { type EncodedRow, ORIGIN_NAMES, ROLE_NAMES } from '../protocol/chat';
import { type StripToken, TokenStrip } from './TokenStrip';

const ROLE_CLASS: Record<string, string> = { none: 'x', system: 'sys', user: 'usr', assistant: 'ast', tool: 'tool' };

export interface EncodedStripProps {
  row: EncodedRow;
  tokens: readonly string[];
  selected: number;
  onSelect: (index: number) => void;
  /** The pointer is on a token, or on none. */
  onHover?: (index: number | undefined) => void;
  label: string;
  /** Underlines what is trained. */
  showsMask?: boolean;
  /** Cut away by max_length. */
  isCut?: (index: number) => boolean;
  /** What fills the batch after the row: not part of `row`, chosen by indices from row.ids.length on. */
  padding?: { text: string; tokens: number };
  /** −4 … 4: negative is green (less), positive the orange ramp (more). */
  heat?: (index: number) => { level: number; words: string };
}

export function EncodedStrip({
  row,
  tokens,
  selected,
  onSelect,
  onHover,
  label,
  showsMask,
  isCut,
  padding,
  heat,
}: EncodedStripProps) {
  const strip = useMemo(
    () =>
      tokens.map((text, t): StripToken => {
        const role = ROLE_NAMES[row.role[t]!] ?? 'none';
        const isContent = ORIGIN_NAMES[row.origin[t]!] === 'content';
        const isTrained = t > 0 && row.mask[t] === 1;
        const colour = showsMask && isTrained ? 'ast' : isContent ? ROLE_CLASS[role]! : 'x';
        if (!heat) {
          const fate = isCut?.(t) ? ', cut away' : isTrained ? ', trained' : ', not trained';
          const words = `${isContent ? role : 'template'}${showsMask ? fate : ''}`;
          return {
            text,
            words,
            className: `${colour}${showsMask && isTrained ? ' m' : ''}${isCut?.(t) ? ' cut' : ''}`,
          };
        }
        const { level, words } = heat(t);
        // Heat is shown where the loss is counted; the rest keeps its role, so that context stays readable.
        const className = isTrained ? `${level < 0 ? `g${-level}` : `h${level}`} m` : colour;
        return { text, className, words: `${words}${isTrained ? ', trained' : ', context'}` };
      }),
    [row, tokens, showsMask, isCut, heat],
  );
  const shown = useMemo(() => {
    if (!padding) return strip;
    const pad: StripToken = { text: padding.text, className: 'x pad', words: 'padding, not trained' };
    return [...strip, ...Array<StripToken>(padding.tokens).fill(pad)];
  }, [strip, padding]);
  return <TokenStrip tokens={shown} selected={selected} onSelect={onSelect} onHover={onHover} label={label} />;
}

export interface PromptStripProps {
  tokens: readonly string[];
  ids: ArrayLike<number>;
  /** As in EncodedRow, when the prompt came from a template. */
  role?: ArrayLike<number>;
  origin?: ArrayLike<number>;
  selected: number;
  onSelect: (index: number) => void;
  label: string;
}

/** A prompt has no mask; special tokens are scaffold. */
export function PromptStrip({ tokens, ids, role, origin, selected, onSelect, label }: PromptStripProps) {
  const strip = useMemo(
    () =>
      tokens.map(
        (text, t): StripToken => ({
          text,
          words: `id ${ids[t]}`,
          className:
            role && origin
              ? ORIGIN_NAMES[origin[t]!] === 'content'
                ? ROLE_CLASS[ROLE_NAMES[role[t]!] ?? 'none']!
                : 'x'
              : /^<\|.*\|>$/.test(text)
                ? 'x'
                : '',
        }),
      ),
    [tokens, ids, role, origin],
  );
  return <TokenStrip tokens={strip} selected={selected} onSelect={onSelect} label={label} />;
}
