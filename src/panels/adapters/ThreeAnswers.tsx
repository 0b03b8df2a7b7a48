// One request under the policy of every tenant, side by side, each held against its own tenant's policy.
import type { ServedAnswer, TenancyView } from '../../protocol/requests';
import type { RoutingRule } from '../../protocol/serving';
import { Card } from '../../ui/Card';
import { AnswerText, Verdicts } from './AnswerText';
import { AdapterId, WorkButton, WorkState } from './parts';
import { adapterColor, shortHash } from './registryView';
import { ruleKey } from './routingView';
import { answerAll, useTenants, useTyped } from './tenants';

export function ThreeAnswers({ view }: { view: TenancyView }) {
  const chapter = view.chapterMessages.at(-1)?.content ?? '';
  const [text, setText] = useTyped('request', chapter);
  const { answers, asked } = useTenants();
  const isRunning = useTenants((s) => 'answers' in s.work);
  const isReady = view.rules.length > 0 && view.entries.some(({ active }) => active !== null);
  const isChapter = text === chapter;
  const system = view.chapterMessages.find(({ role }) => role === 'system')?.content;
  return (
    <Card
      title={view.rules.length === 3 ? 'One request, three policies' : 'One request under every rule'}
      note={asked === undefined ? 'the same words from each tenant; only the adapter differs' : undefined}
      actions={
        <>
          {!isChapter && (
            <button type="button" className="link" onClick={() => setText(chapter)}>
              Back to the payables request
            </button>
          )}
          <WorkButton
            name="answers"
            label={view.rules.length === 3 ? 'Answer under all three' : 'Answer under every rule'}
            isPrimary={isReady}
            disabled={!isReady || text.trim() === ''}
            title={isReady ? undefined : view.rules.length > 0 ? 'No adapter is active yet' : 'There is no rule'}
            onStart={() => void answerAll(text)}
          />
        </>
      }
    >
      <div className="ad-request">
        <textarea
          className="field-input"
          aria-label="Request"
          rows={2}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <p className="quiet">
          {isChapter
            ? `Context: ${system}`
            : 'Your own words: the context stays, and nobody knows the right answer, so only you can judge it.'}
        </p>
      </div>
      <WorkState name="answers" unit="answers" />
      {Object.values(answers).some(({ check }) => check) && (
        <p className="quiet">
          The check looks at this one answer: does it decide as the policy of the tenant who asked, and name nobody whom
          the request does not. How often an adapter is right over a tenant’s held-out requests, its slice, stands under{' '}
          <button type="button" className="link" onClick={() => useTenants.getState().show('slices')}>
            Slices
          </button>
          .
        </p>
      )}
      <div className="ad-answers" aria-busy={isRunning}>
        {view.rules.map((rule) => (
          <Answer key={ruleKey(rule)} rule={rule} view={view} answer={answers[ruleKey(rule)]} isRunning={isRunning} />
        ))}
      </div>
    </Card>
  );
}

function Answer({
  rule,
  view,
  answer,
  isRunning,
}: {
  rule: RoutingRule;
  view: TenancyView;
  answer: ServedAnswer | undefined;
  isRunning: boolean;
}) {
  const entry = view.entries.find(({ id }) => id === answer?.adapterId);
  const version = entry?.versions.find((one) => one.version === answer?.version);
  return (
    <section className="ad-answer" aria-label={`Answer for ${rule.tenant_id}`}>
      <h3>
        {rule.tenant_id} <span className="quiet">{rule.policy_version}</span>
      </h3>
      {!answer ? (
        <p className="quiet">{isRunning ? 'waits for its turn …' : 'Not asked yet.'}</p>
      ) : answer.decision.decision === 'refused' ? (
        <div className="note warn">
          <div>
            <b>Refused.</b> {answer.decision.message}
          </div>
        </div>
      ) : (
        <>
          <p className="ad-meta">
            <AdapterId
              id={answer.adapterId!}
              color={adapterColor(
                view.entries.map(({ id }) => id),
                answer.adapterId,
              )}
            />{' '}
            version {answer.version}{' '}
            {version && (
              <span className="mono quiet" title={version.artifactId}>
                {shortHash(version.artifactId)}
              </span>
            )}
            {answer.check && (
              <span className={`verdict ${answer.check.verdict === 'pass' ? 'ok' : 'bad'}`}>
                {answer.check.verdict === 'pass' ? 'passed its tenant’s check' : 'failed its tenant’s check'}
              </span>
            )}
          </p>
          <AnswerText answer={answer} />
          {answer.check?.verdict === 'fail' && <p className="bad-text">{answer.check.why}</p>}
          <Verdicts answer={answer} />
        </>
      )}
    </section>
  );
}
