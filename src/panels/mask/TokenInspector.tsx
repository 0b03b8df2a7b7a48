// The cards beside the strip: everything about one token, the four tokens where training starts and ends, what is wrong.
import { number } from '../../lib/words';
import type { EncodedRow } from '../../protocol/chat';
import type { Inspection } from '../../protocol/requests';
import { Card } from '../../ui/Card';
import { boundaries, type TokenRef, tokenFacts, visible } from './maskView';

export function TokenInspector({
  row,
  tokens,
  bytes,
  index,
  isCut,
  inspection,
}: {
  row: EncodedRow;
  tokens: string[];
  bytes: string[];
  index: number;
  isCut: boolean;
  /** Under the chosen model, when one is. */
  inspection?: Inspection;
}) {
  const isTrained = index > 0 && row.mask[index] === 1;
  const logp = inspection?.logps[index];
  return (
    <Card title={`Token ${index}`} note={<span className="mono">{visible(tokens[index] ?? '')}</span>}>
      <dl className="facts" aria-live="polite">
        <dt>
          m<sub>t</sub>
        </dt>
        <dd className={isTrained ? 'is-trained' : undefined}>
          {isTrained ? '1 · trained' : isCut ? '0 · cut away' : '0 · context'}
        </dd>
        {tokenFacts(row, tokens, index).map(([label, value]) => (
          <Fact key={label} label={label} value={value} />
        ))}
        <Fact label="bytes" value={bytes[index] ?? ''} />
        {inspection && logp !== undefined && index > 0 && (
          <>
            <Fact label="logp" value={`${number(logp)} nats`} />
            <Fact label="loss" value={isTrained ? number(-logp) : `0 (−logp ${number(-logp)}, not trained)`} />
            <Fact label="entropy" value={number(inspection.entropies[index]!)} />
            <Fact label="rank" value={`${inspection.ranks[index]! + 1} of the vocabulary`} />
          </>
        )}
      </dl>
    </Card>
  );
}

/** A token after the row's end. `pad` is undefined when the tokenizer names no padding token. */
export function PadInspector({ index, pad }: { index: number; pad?: { id: number; text: string } }) {
  return (
    <Card title={`Token ${index}`} note={<span className="mono">{pad ? visible(pad.text) : 'padding'}</span>}>
      <dl className="facts" aria-live="polite">
        <dt>
          m<sub>t</sub>
        </dt>
        <dd>0 · padding</dd>
        <Fact label="id" value={pad ? String(pad.id) : 'none: the tokenizer names no pad_token'} />
        <Fact label="predicted from" value="nothing: never a target" />
        <Fact label="attention" value="seen by no token of the row" />
        <Fact label="rule" value="fills the row up to the longest of its batch" />
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

/** What is wrong with this row, each with its remedy. */
export function FindingsCard({ row }: { row: EncodedRow }) {
  const findings = row.findings ?? [];
  if (findings.length === 0) return null;
  return (
    <Card title="Findings">
      <ul className="finding-list">
        {findings.map(({ kind, blocking, gate, message }) => (
          <li key={`${kind} ${message}`} className={blocking ? 'bad-text' : gate ? 'warn-text' : 'quiet'}>
            {message}
          </li>
        ))}
      </ul>
    </Card>
  );
}
