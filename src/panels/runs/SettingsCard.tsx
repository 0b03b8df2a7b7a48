// All settings that one run was trained with: those that somebody set, and the defaults it took for the rest.
import { plural } from '../../lib/words';
import type { RunRecord } from '../../protocol/run';
import { Card } from '../../ui/Card';
import { type Setting, settingsOf } from '../shared/recipeDiff';
import { useRefNames } from '../shared/refNames';

export function SettingsCard({ run }: { run: RunRecord }) {
  const name = useRefNames();
  const settings = Object.entries(settingsOf(run, name)).filter(([, { kind }]) => kind !== 'none');
  const set = settings.filter(([, { kind }]) => kind === 'set');
  const defaults = settings.filter(([, { kind }]) => kind === 'default');
  return (
    <Card title="Settings" note={run.imported ? 'as far as the log tells' : run.name}>
      <Pairs settings={set} />
      {defaults.length > 0 && (
        <details className="runs-defaults">
          <summary>{plural(defaults.length, 'default')}</summary>
          <Pairs settings={defaults} />
        </details>
      )}
    </Card>
  );
}

const Pairs = ({ settings }: { settings: readonly [string, Setting][] }) => (
  <dl className="facts lineage">
    {settings.map(([key, { text }]) => (
      <div key={key} className="facts-pair">
        <dt>{key}</dt>
        <dd className="mono">{text}</dd>
      </div>
    ))}
  </dl>
);
