// What is likely to go wrong with the template, with the remedy.
import { plural } from '../../lib/words';
import type { TemplateSettings } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import { useLoaded } from '../../stores/useLoaded';
import type { Conversation } from '../../stores/workbench';
import { Card } from '../../ui/Card';

const TONE = { error: 'bad-text', warning: 'warn-text', note: 'quiet' } as const;
const MARK = { error: '✕', warning: '!', note: '·' } as const;

export function LintCard({ conversation, settings }: { conversation: Conversation; settings: TemplateSettings }) {
  const { messages, tools } = conversation;
  const lint = useLoaded(
    JSON.stringify([messages, tools, settings]),
    (signal) =>
      studioClient().text.request(
        'lintTemplate',
        { messages, tools: tools.length > 0 ? tools : undefined, settings },
        { signal },
      ),
    300,
  );
  const findings = lint.value?.findings ?? [];
  return (
    <Card
      title="Lint"
      note={
        lint.value && !lint.error ? (findings.length === 0 ? 'nothing found' : plural(findings.length, 'finding')) : ''
      }
    >
      {lint.error ? (
        <p className="quiet">The template does not parse yet.</p>
      ) : findings.length === 0 ? (
        <p className="quiet">
          {lint.value
            ? 'No double BOS, a generation prompt, contents as they are, earlier turns that stay, a stop token that is trained.'
            : 'Reading the template …'}
        </p>
      ) : (
        <ul className="lint-list">
          {findings.map(({ kind, severity, message, message_index }) => (
            <li key={`${kind} ${message_index}`} className={TONE[severity]}>
              <span aria-hidden="true">{MARK[severity]}</span>
              <span>
                <b>{kind.replaceAll('_', ' ')}</b> <span className="sr-only">({severity})</span> {message}
              </span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
