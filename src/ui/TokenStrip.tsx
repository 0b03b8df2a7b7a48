// The signature piece: tokens as blocks in reading order, for masks, losses, advantages. Whitespace is visible, a line-end
// token breaks the line, arrow keys move, copying gives the plain text. Lines off screen are not laid out.
import { memo, type ReactNode, useEffect, useId, useMemo, useRef } from 'react';
import { linesOf, moveSelection } from './tokenText';

export interface StripToken {
  text: string;
  /** Classes of the block: role, heat, trained. */
  className: string;
  /** Spoken after the text: role, loss, trained. Never colour alone. */
  words?: string;
}
export interface TokenStripProps {
  tokens: readonly StripToken[];
  selected: number;
  onSelect: (index: number) => void;
  /** The pointer is on a token, or on none. Touch has no hover. */
  onHover?: (index: number | undefined) => void;
  label: string;
}

export function TokenStrip({ tokens, selected, onSelect, onHover, label }: TokenStripProps) {
  const root = useRef<HTMLDivElement>(null);
  const id = useId();
  const lines = useMemo(() => linesOf(tokens.map((t) => t.text)), [tokens]);
  const chosen = tokens[selected];
  useEffect(() => {
    const element = root.current?.querySelector('.t.sel');
    // Only while the strip has the focus: a selection made elsewhere must not scroll the page.
    if (element && root.current === document.activeElement) element.scrollIntoView({ block: 'nearest' });
  });
  return (
    <div
      ref={root}
      className="strip"
      role="listbox"
      aria-label={label}
      aria-activedescendant={chosen ? `${id}-${selected}` : undefined}
      tabIndex={0}
      onKeyDown={(event) => {
        const next = moveSelection(lines, selected, event.key);
        if (next === undefined) return;
        event.preventDefault();
        onSelect(next);
      }}
      onClick={(event) => {
        const index = tokenUnder(event.target);
        if (index !== undefined) onSelect(index);
      }}
      onPointerOver={(event) => event.pointerType === 'mouse' && onHover?.(tokenUnder(event.target))}
      onPointerLeave={() => onHover?.(undefined)}
      onCopy={(event) => {
        const picked = window.getSelection();
        if (!picked || picked.isCollapsed) return;
        const inside = tokens.filter((_, i) => {
          const element = root.current?.querySelector(`[data-token="${i}"]`);
          return element && picked.containsNode(element, true);
        });
        event.clipboardData.setData('text/plain', inside.map((t) => t.text).join(''));
        event.preventDefault();
      }}
    >
      {lines.map((line) => (
        <Line key={line[0]} id={id} indices={line} tokens={tokens} selected={line.includes(selected) ? selected : -1} />
      ))}
    </div>
  );
}

const tokenUnder = (target: EventTarget): number | undefined => {
  const index = (target as HTMLElement).closest<HTMLElement>('[data-token]')?.dataset.token;
  return index === undefined ? undefined : Number(index);
};

const Line = memo(function Line({
  id,
  indices,
  tokens,
  selected,
}: {
  id: string;
  indices: readonly number[];
  tokens: readonly StripToken[];
  selected: number;
}) {
  return (
    <span className="strip-line" role="presentation">
      {indices.map((i) => {
        const { text, className, words } = tokens[i]!;
        return (
          <span
            key={i}
            id={`${id}-${i}`}
            role="option"
            tabIndex={-1}
            aria-selected={i === selected}
            aria-label={`${text === '\n' ? 'line end' : text}${words ? `, ${words}` : ''}`}
            data-token={i}
            className={`t ${className}${i === selected ? ' sel' : ''}`}
            title={words}
          >
            <Visible text={text} />
          </span>
        );
      })}
    </span>
  );
});

/** Leading and trailing blanks and line ends as faint marks; blanks inside words stay as they are. */
function Visible({ text }: { text: string }) {
  if (text === '') return <span className="ws">∅</span>;
  const parts: ReactNode[] = [];
  for (const { 0: piece, index } of text.matchAll(/[\n\t]|[^\n\t]+/g))
    parts.push(
      piece === '\n' || piece === '\t' ? (
        <span key={index} className="ws">
          {piece === '\n' ? '⏎' : '→'}
        </span>
      ) : (
        piece
      ),
    );
  return parts;
}
