// A row as a conversation: one block a turn, coloured by role, tool calls as code.
import { type DatasetRow, roleName } from '../../protocol/chat';
import { isTextRow, turnLabel, turnsOf } from './dataView';

const ROLE_CLASS: Record<string, string> = {
  none: 'plain',
  system: 'sys',
  user: 'usr',
  assistant: 'ast',
  tool: 'tool',
  text: 'plain',
  completion: 'ast',
};

export function Conversation({ row }: { row: DatasetRow }) {
  return (
    <ol className="conversation">
      {turnsOf(row).map((turn, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: turns have no identity but their place
        <li key={i} className={`turn ${ROLE_CLASS[turn.role] ?? ROLE_CLASS[roleName(turn.role)]}`}>
          <span className="turn-role">{turnLabel(turn, isTextRow(row))}</span>
          {turn.content && <p className={isCode(turn.content) ? 'mono' : undefined}>{turn.content}</p>}
          {turn.calls.map((call) => (
            <p key={call.name + call.arguments} className="mono call">
              <b>{call.name}</b>({call.arguments})
            </p>
          ))}
        </li>
      ))}
      {row.label !== undefined && (
        <li className="turn plain">
          <span className="turn-role">label</span>
          <p>{row.label ? 'true: a good completion' : 'false: a bad completion'}</p>
        </li>
      )}
      {row.tools && row.tools.length > 0 && (
        <li className="turn plain">
          <span className="turn-role">tools offered</span>
          <p className="mono">{row.tools.map((tool) => tool.function.name).join(' · ')}</p>
        </li>
      )}
    </ol>
  );
}

const isCode = (text: string): boolean => /^\s*[[{<]/.test(text);
