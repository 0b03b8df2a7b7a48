// The two cards beside the strip: everything about one token, and the four tokens where training starts and ends.
import type { EncodedRow } from '../../protocol/chat';
import { Card } from '../../ui/Card';
import { boundaries, type TokenRef, tokenFacts, visible } from './maskView';

export function TokenInspector({ row, tokens, index }: { row: EncodedRow; tokens: string[]; index: number }) {
  const isTrained = index > 0 && row.mask[index] === 1;
  return (
    <Card title={`Token ${index}`} note={<span className="mono">{visible(tokens[index] ?? '')}</span>}>
      <dl className="facts" aria-live="polite">
        <dt>
          m<sub>t</sub>
        </dt>
        <dd className={isTrained ? 'is-trained' : undefined}>{isTrained ? '1 · trained' : '0 · context'}</dd>
        {tokenFacts(row, tokens, index).map(([label, value]) => (
          <Fact key={label} label={label} value={value} />
        ))}
      </dl>
    </Card>
  );
}

function Fact({ label, value }: { label: string; value: string }) {
  return (
    <>
      <dt>{label}</dt>
      <dd>{value}</dd>
    </>
  );
}

export function BoundariesCard({
  row,
  tokens,
  onJump,
}: {
  row: EncodedRow;
  tokens: string[];
  onJump: (index: number) => void;
}) {
  const found = boundaries(row, tokens);
  return (
    <Card title="Boundaries">
      {found.firstTrained ? (
        <dl className="facts">
          <Boundary label="last prompt" token={found.lastPrompt} onJump={onJump} />
          <Boundary label="first trained" token={found.firstTrained} onJump={onJump} />
          <Boundary label="last trained" token={found.lastTrained} onJump={onJump} />
          <Boundary label="after it" token={found.after} onJump={onJump} />
        </dl>
      ) : (
        <p className="quiet">No token of this row is trained, so there is no boundary.</p>
      )}
    </Card>
  );
}

function Boundary({ label, token, onJump }: { label: string; token?: TokenRef; onJump: (index: number) => void }) {
  return (
    <>
      <dt>{label}</dt>
      <dd>
        {token ? (
          <button type="button" className="link mono" onClick={() => onJump(token.index)}>
            {token.text} · {token.id}
          </button>
        ) : (
          'end of row'
        )}
      </dd>
    </>
  );
}
