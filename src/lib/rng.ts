// Counter-based random numbers keyed by (seed, stream, counter): order-free, resumable, the same in TS and WGSL.
// Mixing: PCG-XSH-RS-like hash of Jarzynski & Olano 2020, "Hash Functions for GPU Rendering" (pcg3d).

/** pcg3d: three u32 in, three well-mixed u32 out (returned: the first). */
export function hash3(x: number, y: number, z: number): number {
  let a = (Math.imul(x >>> 0, 1664525) + 1013904223) >>> 0;
  let b = (Math.imul(y >>> 0, 1664525) + 1013904223) >>> 0;
  let c = (Math.imul(z >>> 0, 1664525) + 1013904223) >>> 0;
  a = (a + Math.imul(b, c)) >>> 0;
  b = (b + Math.imul(c, a)) >>> 0;
  c = (c + Math.imul(a, b)) >>> 0;
  a = (a ^ (a >>> 16)) >>> 0;
  b = (b ^ (b >>> 16)) >>> 0;
  c = (c ^ (c >>> 16)) >>> 0;
  a = (a + Math.imul(b, c)) >>> 0;
  b = (b + Math.imul(c, a)) >>> 0;
  return (a + Math.imul(b, c)) >>> 0;
}

/** FNV-1a of a string as u32: turns a name into a stream number. */
export function hashString(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

export interface RngState {
  seed: number;
  stream: number;
  counter: number;
}

/** Deterministic generator; `state()` and `Rng.from(state)` make it resumable. */
export class Rng {
  private counter = 0;
  readonly seed: number;
  readonly stream: number;
  constructor(seed: number, stream: number | string = 0) {
    this.seed = seed >>> 0;
    this.stream = typeof stream === 'string' ? hashString(stream) : stream >>> 0;
  }
  static from(state: RngState): Rng {
    const rng = new Rng(state.seed, state.stream);
    rng.counter = state.counter;
    return rng;
  }
  state(): RngState {
    return { seed: this.seed, stream: this.stream, counter: this.counter };
  }
  /** An independent generator for a named purpose. */
  fork(name: string | number): Rng {
    return new Rng(this.seed, hash3(this.stream, typeof name === 'string' ? hashString(name) : name, 0x9e3779b9));
  }
  /** Uniform u32. */
  u32(): number {
    return hash3(this.seed, this.stream, this.counter++);
  }
  /** Uniform in (0, 1), never 0 or 1: (f32(bits >> 8) + 0.5) / 2^24. */
  next(): number {
    return ((this.u32() >>> 8) + 0.5) / 16777216;
  }
  /** Uniform integer in [low, high]. */
  int(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }
  /** Standard normal (Box–Muller). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(this.next())) * Math.cos(2 * Math.PI * this.next());
  }
  bool(p = 0.5): boolean {
    return this.next() < p;
  }
  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.next() * items.length)]!;
  }
  /** Index drawn in proportion to non-negative weights. */
  weighted(weights: readonly number[]): number {
    let u = this.next() * weights.reduce((a, b) => a + b, 0);
    for (let i = 0; i < weights.length; i++) {
      u -= weights[i]!;
      if (u < 0) return i;
    }
    return weights.length - 1;
  }
  /** A shuffled copy (Fisher–Yates). */
  shuffle<T>(items: readonly T[]): T[] {
    const out = items.slice();
    for (let i = out.length - 1; i > 0; i--) {
      const j = Math.floor(this.next() * (i + 1));
      [out[i], out[j]] = [out[j]!, out[i]!];
    }
    return out;
  }
}
