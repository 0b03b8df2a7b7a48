// Pretrains a built-in base model on the world's corpus, on WASM in Node. Seeded and resumable: a checkpoint every five
// minutes under .checkpoints/, and the same curve after an interruption.
// Usage: npm run pretrain -- --model micro --tokens 4500000 --out public/models/micro
import { execSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { initNodeBackend } from '../src/gpu/node';
import { Rng } from '../src/lib/rng';
import { TfEngine } from '../src/nn/engine';
import { initWeights } from '../src/nn/init';
import { PRESETS, type PresetName, parameterCount } from '../src/nn/presets';
import type { LossFn } from '../src/nn/seam';
import type { Batch } from '../src/protocol/batch';
import { readSafetensors, writeSafetensors } from '../src/storage/safetensors';
import { Tokenizer } from '../src/text/tokenizer';
import { generateCorpus } from '../src/world/corpus';
import { copyDrill } from '../src/world/lessons';
import { createWorld } from '../src/world/state';

const { values: args } = parseArgs({
  options: {
    model: { type: 'string', default: 'nano' },
    tokens: { type: 'string', default: '1000000' },
    out: { type: 'string' },
    tokenizer: { type: 'string', default: 'public/models/tokenizer.json' },
    learning_rate: { type: 'string', default: '3e-3' },
    /** Share of documents that are copying lessons. */
    lessons: { type: 'string', default: '0.35' },
    /** Steps of copying drills before the text; nano is too small to learn from them and does without. */
    drill_steps: { type: 'string', default: '500' },
    seed: { type: 'string', default: '1' },
  },
});
const name = args.model as PresetName;
const out = args.out ?? `public/models/${name}`;
const seed = Number(args.seed);
const B = 8;
const T = 256;
const steps = Math.ceil(Number(args.tokens) / (B * T));
const peak = Number(args.learning_rate);
const lessons = Number(args.lessons);
const drillSteps = Number(args.drill_steps);
const warmup = Math.min(100, Math.floor(steps / 10));
const world = createWorld(1);
const tokenizerText = readFileSync(args.tokenizer, 'utf8');
const tokenizer = Tokenizer.fromJson(tokenizerText);
const endOfText = tokenizer.requireId('<|endoftext|>');
const config = {
  ...PRESETS[name],
  bos_token_id: endOfText,
  eos_token_id: tokenizer.requireId('<|im_end|>'),
  pad_token_id: tokenizer.requireId('<|pad|>'),
};

/** An endless stream of ids: documents with end-of-text between them, cut into rows wherever they fall. */
function* idStream(corpusSeed: number, share: number): Generator<number> {
  for (const doc of generateCorpus(world, { seed: corpusSeed, chars: Number.POSITIVE_INFINITY, lessons: share })) {
    yield* tokenizer.encode(doc).ids;
    yield endOfText;
  }
}
/** Share of rows that are copying drills: all until copying is there, then fewer, so that it is not forgotten. */
const drillShare = (at: number) => (drillSteps === 0 ? 0 : at < drillSteps ? 1 : at < 2.8 * drillSteps ? 0.4 : 0.15);
/** Drills stay short until copying is there: mixed with long ones they teach nothing within 600 steps. */
const drillProgress = (at: number) => Math.min(1, Math.max(0, (at - drillSteps) / 400));

/** The batch of a step; without a step, of text alone. */
function nextBatch(stream: Generator<number>, at?: number): Batch {
  const ids = new Int32Array(B * T);
  const targets = new Int32Array(B * T);
  const rng = new Rng(seed, 'drills').fork(at ?? 0);
  for (let b = 0; b < B; b++) {
    const isDrill = at !== undefined && rng.bool(drillShare(at));
    const row = isDrill
      ? copyDrill(rng, T + 1, config.vocab_size, drillProgress(at))
      : Int32Array.from({ length: T + 1 }, () => stream.next().value as number);
    ids.set(row.slice(0, T), b * T);
    targets.set(row.slice(1), b * T);
  }
  return {
    B,
    T,
    ids,
    targets,
    positions: Int32Array.from({ length: B * T }, (_, i) => i % T),
    segmentIds: new Int32Array(B * T).fill(1),
    mask: new Float32Array(B * T).fill(1),
    rowAdapter: new Int32Array(B).fill(-1),
  };
}
const loss: LossFn = ({ logps }) => ({
  sums: { loss: tf.neg(tf.sum(logps!)) as tf.Scalar },
  counts: { loss: B * T },
  metrics: {},
});

/** A checkpoint of other settings is not continued. */
const settings = JSON.stringify({ config, peak, lessons, seed, ...(drillSteps !== 500 && { drillSteps }) });
const checkpointPath = `.checkpoints/pretrain-${name}`;
mkdirSync(checkpointPath, { recursive: true });
mkdirSync(out, { recursive: true });
const backend = await initNodeBackend();
const engine = new TfEngine(config, initWeights(config, seed));
let step = 0;
let seconds = 0;
if (existsSync(`${checkpointPath}/state.json`)) {
  const state = JSON.parse(readFileSync(`${checkpointPath}/state.json`, 'utf8')) as {
    step: number;
    seconds: number;
    optimizerStep: number;
    steps: number;
    tokenizer: string;
    settings: string;
  };
  const sha = createHash('sha256').update(tokenizerText).digest('hex');
  if (state.steps !== steps || state.tokenizer !== sha || (state.settings ?? settings) !== settings)
    throw new Error(`${checkpointPath} belongs to another run. Delete it to start anew.`);
  await engine.importWeights(readSafetensors(readFileSync(`${checkpointPath}/model-${state.step}.safetensors`)));
  await engine.importOptimizer({
    tensors: readSafetensors(readFileSync(`${checkpointPath}/optimizer-${state.step}.safetensors`)),
    step: state.optimizerStep,
  });
  ({ step, seconds } = state);
  console.log(JSON.stringify({ resumed: step }));
}
const stream = idStream(new Rng(seed, 'pretrain').u32(), lessons);
for (let i = 0; i < step; i++) nextBatch(stream, i); // the stream is a function of the seed: skip what was read

let lastSaved = step;
async function save(): Promise<void> {
  const optimizer = await engine.exportOptimizer();
  writeFileSync(
    `${checkpointPath}/model-${step}.safetensors`,
    writeSafetensors(await engine.exportWeights(), { format: 'pt' }),
  );
  writeFileSync(`${checkpointPath}/optimizer-${step}.safetensors`, writeSafetensors(optimizer.tensors));
  const state = {
    step,
    steps,
    seconds,
    optimizerStep: optimizer.step,
    settings,
    tokenizer: createHash('sha256').update(tokenizerText).digest('hex'),
  };
  writeFileSync(`${checkpointPath}/state.tmp`, JSON.stringify(state));
  renameSync(`${checkpointPath}/state.tmp`, `${checkpointPath}/state.json`); // the rename makes the checkpoint count
  if (lastSaved !== step)
    for (const part of ['model', 'optimizer'])
      rmSync(`${checkpointPath}/${part}-${lastSaved}.safetensors`, { force: true });
  lastSaved = step;
}
/** Mean loss in nats a token over text from another seed. */
async function heldOut(batches: number, share: number): Promise<number> {
  const other = idStream(999_983, share);
  let sum = 0;
  for (let i = 0; i < batches; i++) {
    const outputs = await engine.evaluate(nextBatch(other), { want: ['logps'] });
    sum -= (await engine.read({ s: tf.tidy(() => tf.sum(outputs.logps!) as tf.Scalar) })).s!;
    tf.dispose(outputs as unknown as tf.TensorContainer);
  }
  return sum / (batches * B * T);
}

let lastSave = performance.now();
const history: { step: number; loss: number; eval_loss?: number; eval_copy_loss?: number }[] = [];
while (step < steps) {
  const started = performance.now();
  const batch = nextBatch(stream, step);
  const { sums } = await engine.step(batch, loss, { want: ['logps'], scale: { loss: 1 / (B * T) } });
  const progress = (step - warmup) / Math.max(1, steps - warmup);
  const learning_rate =
    step < warmup ? (peak * (step + 1)) / warmup : peak * (0.05 + 0.95 * 0.5 * (1 + Math.cos(Math.PI * progress)));
  const { gradNorm } = await engine.applyGradients({
    learning_rate,
    weight_decay: 0.1,
    adam_beta1: 0.9,
    adam_beta2: 0.95,
    adam_epsilon: 1e-8,
    max_grad_norm: 1,
  });
  const read = await engine.read({ ...sums, gradNorm });
  step++;
  seconds += (performance.now() - started) / 1000;
  if (!Number.isFinite(read.loss))
    throw new Error(`Loss is ${read.loss} at step ${step}. Lower --learning_rate and resume.`);
  if (step % 20 === 0 || step === steps) {
    const point = {
      step,
      loss: read.loss! / (B * T),
      grad_norm: read.gradNorm,
      learning_rate,
      tokens_per_second: Math.round((step * B * T) / seconds),
      ...(step % 250 === 0 ? { eval_loss: await heldOut(8, 0), eval_copy_loss: await heldOut(4, 1) } : {}),
    };
    history.push(point);
    console.log(JSON.stringify(point));
  }
  if (performance.now() - lastSave > 300_000) {
    await save();
    lastSave = performance.now();
  }
}
await save();
const weights = writeSafetensors(await engine.exportWeights(), { format: 'pt' });
const sha256 = (x: Uint8Array | string) => createHash('sha256').update(x).digest('hex');
const write = (file: string, json: unknown) => writeFileSync(`${out}/${file}`, `${JSON.stringify(json, null, 2)}\n`);
writeFileSync(`${out}/model.safetensors`, weights);
write('config.json', {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  ...config,
  hidden_act: 'silu',
  attention_bias: false,
  mlp_bias: false,
  attention_dropout: 0,
  rope_parameters: { rope_type: 'default', rope_theta: config.rope_theta },
  rope_scaling: null,
  dtype: 'float32',
  torch_dtype: 'float32',
});
write('generation_config.json', {
  bos_token_id: endOfText,
  eos_token_id: [config.eos_token_id, endOfText],
  pad_token_id: config.pad_token_id,
  do_sample: false,
  top_k: 0,
});
write('report.json', {
  model: name,
  parameters: parameterCount(config),
  tokens_seen: steps * B * T,
  steps,
  batch: `${B} × ${T}`,
  learning_rate: peak,
  seed,
  lessons,
  drill_steps: drillSteps,
  eval_loss: await heldOut(32, 0),
  eval_copy_loss: await heldOut(16, 1),
  eval_tokens: 32 * B * T,
  loss: history.at(-1)?.loss,
  backend: backend.adapter,
  seconds: Math.round(seconds),
  tokens_per_second: Math.round((steps * B * T) / seconds),
  commit: execSync('git rev-parse --short HEAD').toString().trim(),
  command: `npm run pretrain -- --model ${name} --tokens ${args.tokens} --learning_rate ${args.learning_rate} --lessons ${args.lessons} --drill_steps ${args.drill_steps} --seed ${seed}`,
  sha256: { 'model.safetensors': sha256(weights), 'tokenizer.json': sha256(tokenizerText) },
});
console.log(JSON.stringify({ done: true, out }));
