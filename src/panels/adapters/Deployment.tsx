// Three ways to bring an adapter to the model, side by side: merged, beside the base, swapped; with what each costs here.
import { count, number, percent } from '../../lib/words';
import type { TenancyView, UnmergeDifference } from '../../protocol/requests';
import type { ServingMode } from '../../protocol/serving';
import { byteWords } from '../../ui/byteWords';
import { Card } from '../../ui/Card';
import { WorkButton, WorkState } from './parts';
import { loadCost, timeWords, tokenMs } from './servingView';
import { compareMerged, takeOut, useTenants } from './tenants';

export function Deployment({ view }: { view: TenancyView }) {
  const reports = useTenants((s) => s.replay?.value);
  const merged = useTenants((s) => s.merged);
  const entry =
    view.entries.find(({ id, active }) => id === 17 && active !== null) ??
    view.entries.find(({ active }) => active !== null);
  const found = entry && merged[entry.id];
  const back = useTenants((s) => (entry ? s.unmerged[entry.id] : undefined));
  const isBackCurrent = back !== undefined && back.version === entry?.active;
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
          <p className="mono ad-formula">W = W′ − (α/r)·BA</p>
          <WorkState name="unmerge" unit="weights">
            {isBackCurrent ? <TakenOut adapter={entry.id} found={back} /> : null}
          </WorkState>
          {entry && (
            <WorkButton
              name="unmerge"
              label={isBackCurrent ? 'Take it out again' : `Merge adapter ${entry.id} and take it out again`}
              title="Unmerge: subtracts the update from the merged weights, and compares what is left with the base"
              onStart={() => void takeOut(entry.id)}
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

/** What the way back costs, in f32 and in four bits. */
function TakenOut({ adapter, found: { f32, nf4, logits } }: { adapter: number; found: UnmergeDifference }) {
  return (
    <div className="ad-stack">
      <p>
        Adapter {adapter} merged and taken out again: no weight of {count(f32.weights)} is off by more than{' '}
        <span className="mono">{f32.largest.toExponential(1)}</span>, where the largest is{' '}
        <span className="mono">{number(f32.scale)}</span>, and no logit by more than{' '}
        <span className="mono">{logits.largest.toExponential(1)}</span>.{' '}
        {f32.changed > 0 && `${percent(f32.changed / f32.weights)} differ in the last bits, by rounding.`}
      </p>
      <p className="warn-text">
        Beside four bits it is not offered: every rounding moves whole codes, so {percent(nf4.changed / nf4.weights)} of
        the weights would come back as others, by up to <span className="mono">{number(nf4.largest)}</span>. Keep the
        base, and serve the adapter beside it.
      </p>
    </div>
  );
}
