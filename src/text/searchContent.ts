// Last resort: finds message contents in a render by looking for them in order.
import type { Stretch } from './marks';

type Place = Stretch & { message: number };
/** The same render with the content of one message replaced; undefined when the template fails over it. */
export type RenderOther = (index: number, content: string) => string | undefined;

/** Stretches of content, in order; a message that the template rewrote may be missing. */
export function searchContent(
  text: string,
  messages: readonly { content: unknown }[],
  turns: readonly Place[],
  renderOther: RenderOther = () => undefined,
): Place[] {
  const out: Place[] = [];
  let from = 0;
  messages.forEach((message, index) => {
    if (typeof message.content !== 'string') return;
    const turn = turns.find((t) => t.message === index);
    const start = Math.max(from, turn?.start ?? 0);
    const limit = turn?.end ?? text.length;
    const afterThinking = message.content.split('</think>').at(-1)!;
    for (const candidate of [message.content, message.content.trim(), afterThinking.trim()]) {
      if (candidate === '') continue;
      const first = text.indexOf(candidate, start);
      if (first < 0 || first + candidate.length > limit) continue;
      const next = text.indexOf(candidate, first + 1);
      const isClear = next < 0 || next + candidate.length > limit;
      const at = isClear ? first : (placeByOther(text, index, message.content, candidate, renderOther) ?? first);
      out.push({ start: at, end: at + candidate.length, message: index });
      from = at + candidate.length;
      return;
    }
  });
  return out;
}

/** Of several places the one that changes with the content: an answer `assistant` is no header. */
function placeByOther(
  text: string,
  index: number,
  content: string,
  candidate: string,
  renderOther: RenderOther,
): number | undefined {
  const letter = [...'zqxjkvwy'].find((char) => !text.includes(char)) ?? '\u4e00';
  if (text.includes(letter)) return undefined;
  // As long as the content, and with its blanks: templates count and trim.
  const filler = letter.repeat(candidate.length);
  const other = renderOther(
    index,
    content.replace(candidate, () => filler),
  );
  const at = other?.indexOf(filler) ?? -1;
  return at >= 0 && text.startsWith(candidate, at) && other!.slice(0, at) === text.slice(0, at) ? at : undefined;
}
