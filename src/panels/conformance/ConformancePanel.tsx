// Conformance: the published numbers behind the studio, recomputed on the person's own device.
import { Fragment, useRef, useState } from 'react';
import { CancelledError } from '../../lib/errors';
import { count, plural } from '../../lib/words';
import type { BackendInfo } from '../../protocol/model';
import type { ConformanceResult } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import { saveFile } from '../../stores/saveFile';
import { Card } from '../../ui/Card';
import { Panel } from '../../ui/Panel';
import { errorWords, numberWords, verdictWords } from './conformanceView';
import '../../ui/parts.css';
import './conformance.css';

interface State {
  results: ConformanceResult[];
  total?: number;
  backend?: BackendInfo;
  isRunning: boolean;
  error?: string;
}

export function ConformancePanel() {
  const [state, setState] = useState<State>({ results: [], isRunning: false });
  const [open, setOpen] = useState<string>();
  const controller = useRef<AbortController>(undefined);
  const run = async () => {
    const abort = new AbortController();
    controller.current = abort;
    setState({ results: [], isRunning: true });
    try {
      const { backend } = await studioClient().compute.request(
        'conformance',
        {},
        {
          signal: abort.signal,
          onProgress: ({ result, total }) => setState((old) => ({ ...old, total, results: [...old.results, result] })),
        },
      );
      setState((old) => ({ ...old, backend, isRunning: false }));
    } catch (cause) {
      const error = cause instanceof CancelledError ? undefined : (cause as Error).message;
      setState((old) => ({ ...old, isRunning: false, ...(error && { error }) }));
    }
  };
  const { results, total, backend, isRunning, error } = state;
  const save = () => {
    const file = { backend, at: new Date().toISOString(), results };
    saveFile('conformance.json', new TextEncoder().encode(JSON.stringify(file, null, 2)).buffer as ArrayBuffer);
  };
  return (
    <Panel
      title="Conformance"
      lede="The numbers of papers, transformers, torch and TRL, computed again on your own device. First look when a result here and elsewhere disagree."
      actions={
        <>
          {results.length > 0 && !isRunning && (
            <button type="button" className="button" onClick={save}>
              Save as JSON
            </button>
          )}
          {isRunning ? (
            <button type="button" className="button" onClick={() => controller.current?.abort()}>
              Stop
            </button>
          ) : (
            <button type="button" className="button primary" onClick={() => void run()}>
              {results.length > 0 ? 'Run again' : 'Run all'}
            </button>
          )}
        </>
      }
    >
      {error && (
        <div className="note bad" role="alert">
          <div>
            <b>The comparison did not end.</b> {error}
          </div>
        </div>
      )}
      <Card
        title="Vectors"
        note={
          isRunning
            ? `${count(results.length)}${total === undefined ? '' : ` of ${count(total)}`} compared …`
            : results.length > 0
              ? verdictWords(results, backend)
              : 'not run yet'
        }
      >
        {results.length === 0 ? (
          <p className="quiet">
            {isRunning
              ? 'The first one is being computed …'
              : 'Nothing is claimed before it has run here. It takes seconds on a graphics card; a run that trains goes on meanwhile.'}
          </p>
        ) : (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard
          <section className="conformance-scroll" aria-label="Results" tabIndex={0}>
            <table className="changes conformance" aria-live="polite">
              <thead>
                <tr>
                  <th scope="col">vector</th>
                  <th scope="col">source</th>
                  <th scope="col">expected</th>
                  <th scope="col">found</th>
                  <th scope="col" className="n">
                    error
                  </th>
                  <th scope="col" className="n">
                    tolerance
                  </th>
                  <th scope="col">result</th>
                </tr>
              </thead>
              <tbody>
                {results.map((result) => (
                  <Fragment key={result.id}>
                    <tr>
                      <td>
                        <button
                          type="button"
                          className="link"
                          aria-expanded={open === result.id}
                          onClick={() => setOpen(open === result.id ? undefined : result.id)}
                        >
                          {result.title}
                        </button>
                      </td>
                      <td className="quiet">{result.source}</td>
                      <td className="mono">{numberWords(result.expected[0])}</td>
                      <td className="mono">{numberWords(result.found[0])}</td>
                      <td className="n">{errorWords(result.error)}</td>
                      <td className="n">
                        {errorWords(result.tolerance)} {result.toleranceKind === 'relative' ? 'rel.' : 'abs.'}
                      </td>
                      <td className={result.passes ? 'ok-text' : 'bad-text'}>
                        {result.passes ? '✓ holds' : '✕ fails'}
                      </td>
                    </tr>
                    {open === result.id && (
                      <tr>
                        <td colSpan={7}>
                          <Numbers result={result} />
                        </td>
                      </tr>
                    )}
                  </Fragment>
                ))}
              </tbody>
            </table>
          </section>
        )}
      </Card>
    </Panel>
  );
}

/** The numbers around the worst one. */
function Numbers({ result }: { result: ConformanceResult }) {
  const { id, source, tolerance, numbers, shownFrom, expected, found, message } = result;
  if (message) return <p className="bad-text">{message}</p>;
  return (
    <div className="conformance-numbers">
      <p className="quiet">
        <span className="mono">{id}</span> · {source} · tolerance {errorWords(tolerance)} · {plural(numbers, 'number')}{' '}
        compared; these are around the worst one.
      </p>
      <table className="mono">
        <tbody>
          {(
            [
              ['index', expected.map((_, i) => String(shownFrom + i))],
              ['expected', expected.map(numberWords)],
              ['found', found.map(numberWords)],
            ] as const
          ).map(([label, cells]) => (
            <tr key={label}>
              <th scope="row">{label}</th>
              {cells.map((cell, i) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: a position is its own name
                <td key={i}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
