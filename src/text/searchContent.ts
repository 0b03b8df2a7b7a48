// Last resort: finds message contents in a render by looking for them in order.
import type { Stretch } from './marks';

/** Stretches of content, in order; a message that the template rewrote may be missing. */
export function searchContent(
  text: string,
  messages: readonly { content: unknown }[],
  turns: readonly (Stretch & { message: number })[],
): (Stretch & { message: number })[] {
  const out: (Stretch & { message: number })[] = [];
  let from = 0;
  messages.forEach((message, index) => {
    if (typeof message.content !== 'string') return;
    const turn = turns.find((t) => t.message === index);
    const start = Math.max(from, turn?.start ?? 0);
    const limit = turn?.end ?? text.length;
    const afterThinking = message.content.split('</think>').at(-1)!;
    for (const candidate of [message.content, message.content.trim(), afterThinking.trim()]) {
      if (candidate === '') continue;
      const at = text.indexOf(candidate, start);
      if (at < 0 || at + candidate.length > limit) continue;
      out.push({ start: at, end: at + candidate.length, message: index });
      from = at + candidate.length;
      return;
    }
  });
  return out;
}
