// What an adapter has learnt: singular values of each module's update, effective rank, size beside the weight, where the
// energy sits by layer and module, and the map of one module.
import { useMemo, useState } from 'react';
import { number, percent } from '../../lib/words';
import type { ModulePicture } from '../../protocol/requests';
import type { RunRecord } from '../../protocol/run';
import { studioClient } from '../../stores/client';
import { type Loaded, useLoaded } from '../../stores/useLoaded';
import { Card } from '../../ui/Card';
import { Fault } from '../../ui/Fault';
import { HeatMap } from '../../ui/HeatMap';
import { Scroll } from '../../ui/Scroll';
import { type AdapterRef, energyGrid, energyWords, pictureStepWords, shareOrTimes } from './pictureView';
import { moduleLabel, shape } from './planView';

const MAP_SIDE = 64;

export function PictureCard({
  adapter,
  run,
  adapters,
  onChoose,
  picture,
  version,
}: {
  /** Its ref. */
  adapter: string;
  /** Whose it is. */
  run: RunRecord;
  adapters: readonly AdapterRef[];
  onChoose: (ref: string) => void;
  picture: Pick<Loaded<{ modules: ModulePicture[]; step?: number }>, 'value' | 'error'>;
  version: string;
}) {
  const modules = picture.value?.modules;
  const [wanted, setWanted] = useState<string>();
  const chosen = modules?.find((m) => m.path === wanted) ?? modules?.[0];
  return (
    <Card
      title="What it has learnt"
      note={modules ? pictureStepWords(picture.value?.step, run) + energyWords(modules) : ''}
      actions={<AdapterSelect adapters={adapters} value={adapter} onChoose={onChoose} />}
      className="lora-picture"
    >
      <Fault text={picture.error?.message} />
      {!modules && !picture.error && <span className="skeleton-line" />}
      {modules && chosen && (
        <div className="lora-picture-body">
          <div>
            <Spectra modules={modules} chosen={chosen.path} onChoose={setWanted} />
            <Glossary />
          </div>
          <div className="lora-maps">
            <Energy modules={modules} />
            <UpdateMap adapter={adapter} module={chosen} version={version} />
          </div>
        </div>
      )}
    </Card>
  );
}

export function AdapterSelect({
  adapters,
  value,
  onChoose,
}: {
  adapters: readonly AdapterRef[];
  value: string | undefined;
  onChoose: (ref: string) => void;
}) {
  return (
    <select
      className="select"
      aria-label="Adapter in the picture"
      value={value ?? ''}
      onChange={(event) => onChoose(event.currentTarget.value)}
    >
      {value === undefined && <option value="">an adapter of another panel</option>}
      {adapters.map(({ ref, label }) => (
        <option key={ref} value={ref}>
          {label}
        </option>
      ))}
    </select>
  );
}

/** Bars are scaled within a module: the shape of its spectrum. Sizes stand beside them. */
function Spectra({
  modules,
  chosen,
  onChoose,
}: {
  modules: readonly ModulePicture[];
  chosen: string;
  onChoose: (path: string) => void;
}) {
  const energy = modules.reduce((sum, m) => sum + m.update_norm ** 2, 0);
  return (
    <Scroll label="Singular values by module" className="lora-spectra">
      <table className="data-table">
        <thead>
          <tr>
            <th scope="col">layer · module</th>
            <th scope="col">singular values of (α/r)·BA</th>
            <th scope="col" className="n">
              effective rank
            </th>
            <th scope="col" className="n">
              ‖ΔW‖
            </th>
            <th scope="col" className="n">
              ‖ΔW‖ / ‖W‖
            </th>
            <th scope="col" className="n">
              energy
            </th>
          </tr>
        </thead>
        <tbody>
          {modules.map((m) => (
            <tr key={m.path} className={m.path === chosen ? 'on' : undefined}>
              <td>
                <button
                  type="button"
                  className="link mono"
                  title={m.path}
                  aria-pressed={m.path === chosen}
                  onClick={() => onChoose(m.path)}
                >
                  {moduleLabel(m.path)}
                </button>
              </td>
              <td>
                <Bars values={m.singular_values} label={m.path} />
              </td>
              <td className="n">
                {number(m.effective_rank)} of {m.r}
              </td>
              <td className="n">{number(m.update_norm)}</td>
              <td className="n">{shareOrTimes(m.update_norm / m.weight_norm)}</td>
              <td className="n">{energy === 0 ? '–' : percent(m.update_norm ** 2 / energy)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Glossary() {
  return (
    <details className="meanings">
      <summary>What these columns say</summary>
      <dl>
        <div>
          <dt>singular values</dt>
          <dd>
            How strong the update is in each of its r directions, the strongest first; a bar’s height is within its
            module.
          </dd>
        </div>
        <div>
          <dt>effective rank</dt>
          <dd>How many of those directions carry it: r where all are equally strong, 1 where one does it all.</dd>
        </div>
        <div>
          <dt>‖ΔW‖</dt>
          <dd>
            Size of the update: the root of the sum of its squares. ‖ΔW‖ / ‖W‖ is that beside the weight it changes.
          </dd>
        </div>
        <div>
          <dt>energy</dt>
          <dd>‖ΔW‖² of the module as a share of that of all: where the adapter has learnt.</dd>
        </div>
      </dl>
    </details>
  );
}

function Bars({ values, label }: { values: readonly number[]; label: string }) {
  const largest = values[0] ?? 0;
  const width = Math.min(9, Math.max(2, Math.floor(96 / Math.max(1, values.length))));
  return (
    <svg
      width={Math.min(200, width * values.length)}
      height={22}
      role="img"
      aria-label={`${label}: ${values.slice(0, 8).map(number).join(', ')}${values.length > 8 ? ' …' : ''}`}
    >
      {values.map((value, i) => {
        const height = largest === 0 ? 1 : Math.max(1, (value / largest) * 21);
        return (
          <rect
            // biome-ignore lint/suspicious/noArrayIndexKey: the i-th singular value is its place
            key={i}
            x={i * width}
            y={22 - height}
            width={width - 1}
            height={height}
            fill="var(--accent)"
          />
        );
      })}
    </svg>
  );
}

function Energy({ modules }: { modules: readonly ModulePicture[] }) {
  const { layers, names, shares } = useMemo(() => energyGrid(modules), [modules]);
  const short = names.map((name) => name.replace('_proj', ''));
  return (
    <div>
      <h3>Energy by layer and module</h3>
      <HeatMap
        rows={layers.length}
        columns={names.length}
        values={shares}
        height={Math.min(140, 26 * layers.length)}
        scaleWords={percent}
        rowLabels={layers.map((layer) => `layer ${layer}`)}
        columnLabels={short}
        label={`Share of the update’s energy by layer and module. ${energyWords(modules)} The table beside it has all values.`}
        words={(row, column, value) => `layer ${layers[row]}, ${names[column]}: ${percent(value)} of Σ‖ΔW‖²`}
      />
    </div>
  );
}

/** What one cell of the map is. */
const blockWords = (module: ModulePicture, { rows, columns }: { rows: number; columns: number }): string =>
  rows === module.out && columns === module.in
    ? 'a cell is a weight’s size'
    : `a cell is the root mean square of ${shape(Math.ceil(module.out / rows), Math.ceil(module.in / columns))} weights`;

function UpdateMap({ adapter, module, version }: { adapter: string; module: ModulePicture; version: string }) {
  const { path } = module;
  const { value, error } = useLoaded(`map ${adapter} ${path} ${version}`, (signal) =>
    studioClient().compute.request('updateMap', { ref: adapter, path, side: MAP_SIDE }, { signal }),
  );
  return (
    <div>
      <h3>
        ΔW of <span className="mono">{moduleLabel(path)}</span>{' '}
        <span className="quiet">
          {shape(module.out, module.in)}, outputs down, inputs across{value && `; ${blockWords(module, value)}`}
        </span>
      </h3>
      {error && <p className="bad-text">{error.message}</p>}
      {value && (
        <HeatMap
          rows={value.rows}
          columns={value.columns}
          values={value.values}
          height={200}
          isSquare
          scaleWords={number}
          label={`Size of the update of ${path}: ${value.rows} by ${value.columns} blocks, effective rank ${number(module.effective_rank)}, norm ${number(module.update_norm)}.`}
          words={(row, column, size) => {
            const [h, w] = [module.out / value.rows, module.in / value.columns];
            return `output ${Math.round(row * h)}, input ${Math.round(column * w)}: ${number(size)}`;
          }}
        />
      )}
    </div>
  );
}
