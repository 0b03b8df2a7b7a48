// Sum and mean of the same row beside each other; the worked example of two tokens stands behind a button.
import { useState } from 'react';
import { number } from '../../lib/words';
import { lossOfProbabilities, type RowLoss } from './glassBox';

const EXAMPLE = [0.8, 0.4];

export function LossForms({ loss }: { loss: RowLoss }) {
  const [isExample, setExample] = useState(false);
  const example = lossOfProbabilities(EXAMPLE);
  return (
    <div className="loss-forms">
      <dl className="facts">
        <dt>
          Σ −m<sub>t</sub> log p, summed
        </dt>
        <dd>{number(loss.sum)} nats</dd>
        <dt>÷ {loss.count} trained, averaged</dt>
        <dd>
          <b>{number(loss.mean)}</b> nats
        </dd>
      </dl>
      <button type="button" className="link" aria-expanded={isExample} onClick={() => setExample(!isExample)}>
        {isExample ? 'Hide the two-token example' : 'Why two forms? A two-token example'}
      </button>
      {isExample && (
        <p className="quiet">
          Two answer tokens with p = {EXAMPLE.join(' and ')}: −log .8 − log .4 = <b>{example.sum.toFixed(3)}</b> summed,{' '}
          <b>{example.mean.toFixed(3)}</b> averaged. The sum grows with the answer’s length; the trainer averages over
          all trained tokens of a step, so a long answer counts by its tokens and learning_rate keeps its meaning.
        </p>
      )}
    </div>
  );
}
