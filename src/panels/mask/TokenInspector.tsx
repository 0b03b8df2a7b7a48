// The cards beside the strip: everything about one token, the four tokens where training starts and ends, what is wrong.
import { number } from '../../lib/words';
import type { EncodedRow, FindingKind } from '../../protocol/chat';
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
  const all = tokenFacts(row, tokens, index);
  // A rule may take a sentence: it stands last, over the whole width.
  const facts = all.filter(([label]) => label !== 'rule');
  const rule = all.find(([label]) => label === 'rule')?.[1];
  return (
    <Card
      title={`Token ${index}`}
      note={<span className="mono">{visible(tokens[index] ?? '')}</span>}
      className="token-card"
    >
      <dl className="facts" aria-live="polite">
        <dt>
          m<sub>t</sub>
        </dt>
        <dd className={isTrained ? 'is-trained' : undefined}>
          {isTrained ? '1 · trained' : isCut ? '0 · cut away' : '0 · context'}
        </dd>
        {facts.map(([label, value]) => (
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
        <dt>rule</dt>
        <dd className="rule-words">{rule}</dd>
      </dl>
    </Card>
  );
}

/** A token after the row's end. `pad` is undefined when the tokenizer names no padding token. */
export function PadInspector({ index, pad }: { index: number; pad?: { id: number; text: string } }) {
  return (
    <Card
      title={`Token ${index}`}
      note={<span className="mono">{pad ? visible(pad.text) : 'padding'}</span>}
      className="token-card"
    >
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
    <Card title="Boundaries" className="boundaries">
      {found.firstTrained ? (
        <dl>
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
    <div>
      <dt>{label}</dt>
      <dd className="mono">
        {token ? (
          <button type="button" className="link mono" onClick={() => onJump(token.index)}>
            {token.text} · {token.id}
          </button>
        ) : (
          'end of row'
        )}
      </dd>
    </div>
  );
}

/** A row that is left out because the person wants long rows to be is no fault. */
const toneOf = (kind: FindingKind, blocking: boolean, gate = false): string =>
  kind === 'too_long' && !gate ? 'quiet' : blocking ? 'bad-text' : gate ? 'warn-text' : 'quiet';

/** What is wrong with this row, each with its remedy. */
export function FindingsCard({ row }: { row: EncodedRow }) {
  const findings = row.findings ?? [];
  if (findings.length === 0) return null;
  return (
    <Card title="Findings">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a list that scrolls must be reachable by keyboard */}
      <ul className="finding-list" tabIndex={0}>
        {findings.map(({ kind, blocking, gate, message }) => (
          <li key={`${kind} ${message}`} className={toneOf(kind, blocking, gate)}>
            {message}
          </li>
        ))}
      </ul>
    </Card>
  );
}
