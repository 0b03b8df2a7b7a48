// How much JavaScript memory the studio takes while a 500 MB model comes in and goes to the GPU, in the built site in Chromium.
// JavaScript's memory is V8's heap and the backing stores of array buffers, of the page and its workers together, asked for by
// CDP's Runtime.getHeapUsage every 20 ms. performance.measureUserAgentSpecificMemory would wait for a garbage collection and so
// miss the peak; process memory would count the software GPU's buffers, which a graphics card holds elsewhere.
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CDPSession, chromium } from '@playwright/test';
import { weightsFile } from '../src/interop/modelExport';
import { type SmolFixture, smolWeights } from '../test/smolWeights';
import { CHROMIUM_ARGS, chromiumPath } from './chromium.mjs';
import { serve } from './serve.mjs';

const EVERY_MS = 20;
const ANSWER_LIMIT_MS = 300_000;

interface HeapUsage {
  usedSize: number;
  backingStorageSize?: number;
}
export interface LoadPeak {
  /** What ran it, and the artifact id of what was loaded. */
  backend: string;
  model: string;
  /** Bytes of the safetensors file. */
  fileBytes: number;
  /** Bytes of JavaScript's memory before anything, and at most in each phase. */
  before: number;
  importing: number;
  loading: number;
  samples: number;
}

/**
 * The studio's tokenizer with merges of its own tokens added until it has as many ids: as large in memory as one that was trained,
 * though nothing but its size is like SmolLM2's.
 */
function tokenizerOf(ids: number): string {
  const json = JSON.parse(readFileSync('public/models/tokenizer.json', 'utf8')) as { model: { vocab: Record<string, number>; merges: (string | [string, string])[] }; added_tokens: { id: number }[] }; // biome-ignore format: one file
  const { vocab, merges } = json.model;
  const parts = Object.keys(vocab).filter((token) => /^[A-Za-zĠ]+$/.test(token));
  let next = Math.max(...Object.values(vocab), ...json.added_tokens.map(({ id }) => id)) + 1;
  for (const a of parts)
    for (const b of parts) {
      if (next >= ids) return JSON.stringify(json);
      if (a + b in vocab) continue;
      vocab[a + b] = next++;
      merges.push(typeof merges[0] === 'string' ? `${a} ${b}` : [a, b]);
    }
  throw new Error(`The tokens of the studio's tokenizer pair up to ${next} ids, and ${ids} are asked for.`);
}

/** SmolLM2-135M's shape in F32 with random weights, and a tokenizer of as many ids. */
async function writeFolder(folder: string): Promise<number> {
  const { config, seed } = JSON.parse(readFileSync('test/fixtures/smollm/full.json', 'utf8')) as SmolFixture;
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  writeFileSync(join(folder, 'tokenizer.json'), tokenizerOf((config as { vocab_size: number }).vocab_size));
  writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify({ eos_token: '<|im_end|>', pad_token: '<|pad|>' })); // biome-ignore format: one file
  const { chunks, sizeBytes } = weightsFile('model.safetensors', smolWeights(config, seed));
  const out = createWriteStream(join(folder, 'model.safetensors'));
  for await (const chunk of chunks()) if (!out.write(chunk)) await once(out, 'drain');
  out.end();
  await once(out, 'finish');
  return sizeBytes;
}

/** Asks the page and each of its workers; a worker that is busy answers late, and its last answer counts meanwhile. */
class HeapWatch {
  peak = 0;
  samples = 0;
  private readonly last = new Map<string, number>();
  private readonly waiting = new Map<number, (usage: HeapUsage) => void>();
  private nextId = 1;
  private timer?: ReturnType<typeof setInterval>;
  constructor(private readonly session: CDPSession) {}

  async start(): Promise<void> {
    const { session } = this;
    const workers = new Set<string>();
    session.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
      if (targetInfo.type === 'worker') workers.add(sessionId);
    });
    session.on('Target.detachedFromTarget', ({ sessionId }) => {
      workers.delete(sessionId);
      this.last.delete(sessionId);
    });
    session.on('Target.receivedMessageFromTarget', ({ message }) => {
      const { id, result } = JSON.parse(message) as { id?: number; result?: HeapUsage };
      if (id === undefined || !result) return;
      this.waiting.get(id)?.(result);
      this.waiting.delete(id);
    });
    // Not flat: Playwright's own sessions are, and it would swallow the answers.
    await session.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: false, flatten: false });
    const take = (who: string) => (usage: HeapUsage) => {
      this.last.set(who, usage.usedSize + (usage.backingStorageSize ?? 0));
      const sum = [...this.last.values()].reduce((a, b) => a + b, 0);
      this.peak = Math.max(this.peak, sum);
      this.samples++;
    };
    this.timer = setInterval(() => {
      void session.send('Runtime.getHeapUsage').then(take('page') as never, () => {});
      for (const sessionId of workers) {
        const id = this.nextId++;
        this.waiting.set(id, take(sessionId));
        void session
          .send('Target.sendMessageToTarget', {
            sessionId,
            message: JSON.stringify({ id, method: 'Runtime.getHeapUsage' }),
          })
          .catch(() => {});
      }
    }, EVERY_MS);
  }
  /** The peak since the last call. */
  take(): number {
    const { peak } = this;
    this.peak = 0;
    return peak;
  }
  stop(): void {
    clearInterval(this.timer);
  }
}

/** Needs `npm run build` first. Runs on WebGPU: a graphics card, or the software adapter. */
export async function measureLoad(): Promise<LoadPeak> {
  const folder = mkdtempSync(join(tmpdir(), 'studio-500mb-'));
  const { server, url } = await serve({ root: 'dist', port: 0 });
  const browser = await chromium.launch({ executablePath: chromiumPath(), args: CHROMIUM_ARGS });
  try {
    const fileBytes = await writeFolder(folder);
    const page = await browser.newPage();
    await page.goto(`${url}?backend=webgpu#/models`);
    const watch = new HeapWatch(await page.context().newCDPSession(page));
    await watch.start();
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.waitForTimeout(2000);
    const before = watch.take();
    await page.getByLabel('Folder of a model to import').setInputFiles(folder);
    const refused = page.locator('.models-import [role=alert]');
    const imported = page.locator('.models-card').getByText('134,515,008');
    await refused.or(imported).first().waitFor({ timeout: ANSWER_LIMIT_MS });
    if (await refused.isVisible()) throw new Error(`The model did not come in: ${await refused.textContent()}`);
    const importing = watch.take();
    await page.getByRole('button', { name: 'Chat with it' }).click();
    // Both sides of Chat: only the large model is to be loaded.
    const right = await page.getByLabel('Right model').inputValue();
    await page.getByLabel('Left model').selectOption(right);
    await page.getByLabel('max_new_tokens').fill('2');
    await page.getByRole('button', { name: 'Generate' }).click();
    await page.getByRole('button', { name: 'Stop' }).waitFor();
    await page.getByRole('button', { name: 'Generate' }).waitFor({ timeout: ANSWER_LIMIT_MS });
    const failed = await page.locator('.answers [role=alert]').allTextContents();
    if (failed.length > 0) throw new Error(`The model did not answer: ${failed.join(' ')}`);
    const loading = watch.take();
    watch.stop();
    const backend = await page.evaluate(async () => {
      const { vendor, architecture, description } = (await navigator.gpu.requestAdapter())!.info;
      return `webgpu, ${description || `${vendor} ${architecture}`} in Chromium`;
    });
    return { backend, model: right, fileBytes, before, importing, loading, samples: watch.samples };
  } finally {
    await browser.close();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
