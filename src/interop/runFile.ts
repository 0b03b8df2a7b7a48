// A run as one file: a zip with the record, curves, generations, reports of its reward model, the last checkpoint, and a manifest of
// their hashes.
import { strFromU8, strToU8, unzipSync, type Zippable, zipSync } from 'fflate';
import { DataError } from '../lib/errors';
import { megabytes } from '../lib/words';
import type { KeptRewardReport } from '../protocol/rewardReport';
import type { MetricPoint, RunRecord, RunStatus, SampleGeneration } from '../protocol/run';
import type { CheckpointStore } from '../storage/checkpoints';
import { hashBytes } from '../storage/hash';
import { type RunStore, runDirectory } from '../storage/runs';
import { readSafetensors, writeSafetensors } from '../storage/safetensors';
import { wrongInReport } from './rewardReportShape';

const FORMAT = 'posttrain-studio-run';
const REPORTS = 'reward_reports.jsonl';
const MAX_BYTES = 2e9;
const STATUSES: readonly RunStatus[] = ['queued', 'running', 'paused', 'finished', 'stopped', 'failed', 'interrupted'];

interface FileManifest {
  format: string;
  version: number;
  files: Record<string, { sha256: string; sizeBytes: number }>;
}
interface Stores {
  runs: RunStore;
  checkpoints: CheckpointStore;
}

const jsonLines = (items: readonly unknown[]) => strToU8(items.map((item) => `${JSON.stringify(item)}\n`).join(''));

/** Throws CheckpointError when there is no such run. A run without a checkpoint is exported without one. */
export async function exportRun(stores: Stores, runId: string): Promise<{ fileName: string; bytes: Uint8Array }> {
  const { points, generations, ...head } = await stores.runs.get(runId);
  const checkpoint = await stores.checkpoints.latest(runId);
  const files: Record<string, Uint8Array> = {
    'run.json': strToU8(JSON.stringify(head, undefined, 2)),
    'points.jsonl': jsonLines(points),
    'generations.jsonl': jsonLines(generations),
  };
  const reports = await stores.runs.rewardReports(runId);
  if (reports.length > 0) files[REPORTS] = jsonLines(reports);
  if (checkpoint?.optimizer) {
    const { step, weights, optimizer, state } = checkpoint;
    files['checkpoint/model.safetensors'] = writeSafetensors(weights, { format: 'pt' });
    files['checkpoint/optimizer.safetensors'] = writeSafetensors(optimizer.tensors, { format: 'pt' });
    files['checkpoint/state.json'] = strToU8(
      JSON.stringify({ step, optimizerStep: optimizer.step, optimizerSteps: optimizer.steps, state }),
    );
  }
  const manifest: FileManifest = { format: FORMAT, version: 1, files: {} };
  for (const [name, bytes] of Object.entries(files))
    manifest.files[name] = { sha256: await hashBytes(bytes), sizeBytes: bytes.byteLength };
  const zippable: Zippable = { 'manifest.json': strToU8(JSON.stringify(manifest, undefined, 2)) };
  // Weights do not compress: level 0 stores them as they are.
  for (const [name, bytes] of Object.entries(files))
    zippable[name] = [bytes, { level: name.endsWith('.safetensors') ? 0 : 6 }];
  // A fixed time, so that the same run gives the same file.
  const bytes = zipSync(zippable, { mtime: '2000-01-01T00:00:00' });
  const slug = head.name.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '') || 'run'; // biome-ignore format: reads as one idea
  return { fileName: `${slug}-${runId.slice(0, 8)}.run.zip`, bytes };
}

/**
 * Reads a file made by exportRun. A run that is already here is kept: the imported one takes the id `newId()`.
 * Throws DataError naming the part of the file that is wrong; nothing is stored then.
 */
export async function importRun(stores: Stores, bytes: Uint8Array, newId: () => string): Promise<RunRecord> {
  const files = unpack(bytes);
  const manifest = parseJson(files, 'manifest.json') as Partial<FileManifest> | null;
  if (manifest?.format !== FORMAT || manifest.version !== 1 || typeof manifest.files !== 'object')
    throw problem('manifest.json', 'is not that of a run exported by this studio. Export the run again.');
  for (const [name, expected] of Object.entries(manifest.files)) {
    const file = files[name];
    if (!file) throw problem(name, 'is missing. Export the run again.');
    if (file.byteLength !== expected?.sizeBytes || (await hashBytes(file)) !== expected.sha256)
      throw problem(name, 'is damaged: its hash is not the one in manifest.json. Copy or export the file again.');
  }
  const head = checkedHead(parseJson(files, 'run.json'));
  const points = parseLines<MetricPoint>(files, 'points.jsonl');
  const generations = parseLines<SampleGeneration>(files, 'generations.jsonl');
  const reports = parseLines<KeptRewardReport>(files, REPORTS);
  for (const [i, kept] of reports.entries()) {
    const wrong = wrongInReport(kept);
    if (wrong === undefined) continue;
    const what = wrong && `: its "${wrong}" is missing or wrong`;
    throw problem(`${REPORTS}:${i + 1}`, `is no report of a reward model${what}. Export the run again.`);
  }
  for (const [i, point] of points.entries())
    if (typeof point?.step !== 'number') throw problem(`points.jsonl:${i + 1}`, 'has no step. Export the run again.');

  const isTaken = (await stores.runs.head(head.id)) !== undefined;
  const id = isTaken ? newId() : head.id;
  runDirectory(id); // refuses ids that are not plain names
  const isLive = head.status === 'queued' || head.status === 'running' || head.status === 'paused';
  const record: RunRecord = {
    ...head,
    id,
    name: isTaken ? `${head.name} (imported)` : head.name,
    status: isLive ? 'interrupted' : head.status,
    checkpoints: [],
    points,
    generations,
  };
  const checkpoint = readCheckpoint(files);
  await stores.runs.create(record);
  try {
    if (checkpoint) record.checkpoints = [await stores.checkpoints.save(id, checkpoint, { isMilestone: true })];
    await stores.runs.patch(id, { checkpoints: record.checkpoints });
    if (reports.length > 0) await stores.runs.keepRewardReports(id, reports);
  } catch (error) {
    await stores.runs.remove(id); // half an import is worse than none
    throw error;
  }
  return record;
}

function problem(name: string, complaint: string): DataError {
  return new DataError(`${name} in the run file ${complaint}`, { where: name });
}

/** Unzips with limits: no names that point outside, no file larger than it may be. */
function unpack(bytes: Uint8Array): Record<string, Uint8Array> {
  let total = 0;
  try {
    return unzipSync(bytes, {
      filter({ name, originalSize }) {
        if (name.startsWith('/') || name.includes('\\') || name.includes(':') || name.split('/').includes('..'))
          throw problem(name, 'has a name that points outside the archive. It was not made by this studio.');
        total += originalSize;
        if (total > MAX_BYTES) throw problem(name, `makes it larger than ${megabytes(MAX_BYTES)} unpacked.`);
        return !name.endsWith('/');
      },
    });
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new DataError(
      'This is not a readable zip file, or it was cut off. Choose a .run.zip exported by the studio.',
      {
        cause,
      },
    );
  }
}

function parseJson(files: Record<string, Uint8Array>, name: string): unknown {
  const file = files[name];
  if (!file) throw problem(name, 'is missing. Choose a .run.zip exported by the studio.');
  try {
    return JSON.parse(strFromU8(file));
  } catch (cause) {
    throw problem(name, `is not JSON (${(cause as Error).message}).`);
  }
}

function parseLines<T>(files: Record<string, Uint8Array>, name: string): T[] {
  const lines = strFromU8(files[name] ?? new Uint8Array()).split('\n');
  return lines.filter(Boolean).map((line, i) => {
    try {
      return JSON.parse(line) as T;
    } catch (cause) {
      throw problem(`${name}:${i + 1}`, `is not JSON (${(cause as Error).message}).`);
    }
  });
}

type Head = Omit<RunRecord, 'points' | 'generations'>;

function checkedHead(value: unknown): Head {
  const head = value as Partial<Head> | null;
  const isText = (x: unknown) => typeof x === 'string' && x !== '';
  const isCount = (x: unknown) => typeof x === 'number' && Number.isFinite(x) && x >= 0;
  const isRecord = (x: unknown) => typeof x === 'object' && x !== null && !Array.isArray(x);
  const checks: [keyof Head, boolean][] = [
    ['id', isText(head?.id) && /^[\w-]{1,80}$/.test(head!.id!)],
    ['name', isText(head?.name)],
    ['recipe', isRecord(head?.recipe) && head!.recipe!.version === 1 && isText(head!.recipe!.trainer)],
    ['status', STATUSES.includes(head?.status as RunStatus)],
    ['createdAt', isCount(head?.createdAt)],
    ['updatedAt', isCount(head?.updatedAt)],
    ['step', isCount(head?.step)],
    ['maxSteps', isCount(head?.maxSteps)],
    ['versions', isRecord(head?.versions)],
    ['kernelVariants', isRecord(head?.kernelVariants)],
    ['parents', isRecord(head?.parents)],
    ['outputs', isRecord(head?.outputs)],
  ];
  for (const [field, isGood] of checks)
    if (!isGood) throw problem('run.json', `has a missing or wrong "${field}". Export the run again.`);
  return head as Head;
}

function readCheckpoint(files: Record<string, Uint8Array>) {
  const [model, optimizer] = [files['checkpoint/model.safetensors'], files['checkpoint/optimizer.safetensors']];
  if (!model || !optimizer) return undefined;
  const state = parseJson(files, 'checkpoint/state.json') as {
    step?: number;
    optimizerStep?: number;
    optimizerSteps?: Record<string, number>;
    state?: unknown;
  };
  if (typeof state?.step !== 'number' || typeof state.optimizerStep !== 'number')
    throw problem('checkpoint/state.json', 'has no step. Export the run again.');
  return {
    step: state.step,
    weights: readSafetensors(model),
    optimizer: {
      tensors: readSafetensors(optimizer),
      step: state.optimizerStep,
      ...(state.optimizerSteps && { steps: state.optimizerSteps }),
    },
    state: state.state,
  };
}
