// Three ways to bring an adapter to the model, side by side: merged, beside the base, swapped; with what each costs here.

import { number, percent } from '../../lib/words';
import type { TenancyView } from '../../protocol/requests';
import type { ServingMode } from '../../protocol/serving';
import { byteWords } from '../../ui/byteWords';
import { Card } from '../../ui/Card';
import { WorkButton, WorkState } from './parts';
import { loadCost, timeWords, tokenMs } from './servingView';
import { compareMerged, useTenants } from './tenants';

export function Deployment({ view }: { view: TenancyView }) {
  const reports = useTenants((s) => s.reports);
  const merged = useTenants((s) => s.merged);
  const entry =
    view.entries.find(({ id, active }) => id === 17 && active !== null) ??
    view.entries.find(({ active }) => active !== null);
  const found = entry && merged[entry.id];
  const isCurrent = found !== undefined && found.version === entry?.active;
  const reportOf = (mode: ServingMode) => reports?.find((report) => report.mode === mode);
  const [onRequest, batched, whole] = [reportOf('load_on_request'), reportOf('batched'), reportOf('merged')];
  const replay = (
    <button type="button" className="link" onClick={() => useTenants.getState().show('serving')}>
      Replay a trace
    </button>
  );
  const unknown = <p className="quiet">{replay} to see what it costs on this device.</p>;
  return (
    <Card
      title="Three ways to serve an adapter"
      note="the same numbers; what differs is when the adapter meets the weights"
    >
      <div className="ad-answers">
        <section>
          <h3>Merge</h3>
          <p className="mono ad-formula">W′ = W + (α/r)·BA</p>
          <p className="quiet">
            Added to the weights once. No product more in any layer; a whole model for each tenant.
          </p>
          {whole ? (
            <p>
              {timeWords(tokenMs(whole))} a token, {byteWords(whole.peakBytes)} for all tenants,{' '}
              {timeWords(whole.setupMs)} to merge them.
            </p>
          ) : (
            unknown
          )}
          <WorkState name="merge" unit="rows">
            {isCurrent ? (
              <p>
                Adapter {entry?.id} over {found.tokens} tokens: no logit differs by more than{' '}
                <span className="mono">{found.largest.toExponential(1)}</span>, where the largest is{' '}
                <span className="mono">{number(found.scale)}</span>;{' '}
                {found.sameChoices === found.tokens ? 'every' : `${found.sameChoices} of ${found.tokens}`} next token is
                the same.
              </p>
            ) : null}
          </WorkState>
          {entry && (
            <WorkButton
              name="merge"
              label={isCurrent ? 'Compare again' : `Compare adapter ${entry.id} with its merge`}
              onStart={() => entry.active !== null && void compareMerged(entry.id, entry.active)}
            />
          )}
        </section>
        <section>
          <h3>Online stacking</h3>
          <p className="mono ad-formula">y = Wx + (α/r)·B(Ax)</p>
          <p className="quiet">
            Several adapters lie beside the base, and each row of a pass names its own. Two thin products more in each
            layer.
          </p>
          {batched ? (
            <p>
              {timeWords(tokenMs(batched))} a token over {batched.batchSizes.length} passes,{' '}
              {byteWords(batched.peakBytes)} for the base and all adapters.
            </p>
          ) : (
            unknown
          )}
        </section>
        <section>
          <h3>Hot swap</h3>
          <p className="mono ad-formula">A, B ← next adapter; W stays</p>
          <p className="quiet">
            One adapter beside the base, exchanged between requests. The base is never read again.
          </p>
          {onRequest ? (
            <p>
              {timeWords(loadCost(onRequest).eachMs)} a swap, {percent(loadCost(onRequest).share)} of the busy time in
              this trace; {byteWords(onRequest.peakBytes)} in all.
            </p>
          ) : (
            unknown
          )}
        </section>
      </div>
    </Card>
  );
}
