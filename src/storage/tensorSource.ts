// Tensors that are read a piece at a time, so that a model of any size crosses through little memory: from safetensors files in the
// store, from a File that a person gave, or from memory.
import { DataError } from '../lib/errors';
import { floats, headerEnd, parseHeader, requireFloats, type SafeTensors, type TensorEntry } from './safetensors';
import type { Storage } from './storage';

/** Values that are in memory at once: 4 MiB as f32. */
const PIECE_FLOATS = 2 ** 20;
const WIDTH: Record<string, number> = { F32: 4, F16: 2, BF16: 2 };

export interface TensorPiece {
  /** Index of the first value in the tensor, row by row. */
  at: number;
  data: Float32Array<ArrayBuffer>;
}
export interface TensorSource {
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** The values in order, in pieces of at most 4 MiB. Throws DataError for a name that is not there. */
  pieces(name: string): AsyncIterable<TensorPiece>;
}

/** Bytes that can be read in parts. */
export interface ByteSource {
  readonly sizeBytes: number;
  /** Bytes [from, to). */
  read(from: number, to: number): Promise<Uint8Array>;
}
export const blobBytes = (blob: Blob): ByteSource => ({
  sizeBytes: blob.size,
  read: async (from, to) => new Uint8Array(await blob.slice(from, to).arrayBuffer()),
});
/** Throws StorageError when there is no such file. */
export async function storedBytes(storage: Storage, path: string): Promise<ByteSource> {
  return {
    sizeBytes: (await storage.size(path)) ?? 0,
    read: (from, to) => storage.readRange(path, from, to),
  };
}

/** A safetensors file of which the header is read. */
export class SafetensorsFile implements TensorSource {
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  private constructor(
    private readonly source: ByteSource,
    readonly entries: ReadonlyMap<string, TensorEntry>,
    /** The file's name in messages. */
    readonly where: string,
  ) {
    this.shapes = new Map([...entries].map(([name, { shape }]) => [name, shape]));
  }

  /** Throws DataError naming the tensor at fault. No more than the header is read. */
  static async open(source: ByteSource, where: string): Promise<SafetensorsFile> {
    const { sizeBytes } = source;
    const end = headerEnd(await source.read(0, Math.min(8, sizeBytes)), sizeBytes, where);
    return new SafetensorsFile(source, parseHeader(await source.read(8, end), sizeBytes, where), where);
  }

  async *pieces(name: string): AsyncIterable<TensorPiece> {
    const entry = this.entries.get(name);
    if (!entry) throw missing(name, this.where);
    requireFloats(name, entry, this.where);
    const width = WIDTH[entry.dtype]!;
    for (let from = entry.from; from < entry.to; from += width * PIECE_FLOATS) {
      const to = Math.min(entry.to, from + width * PIECE_FLOATS);
      const bytes = await this.source.read(from, to);
      if (bytes.byteLength !== to - from)
        throw new DataError(`${this.where} ended while ${name} was read. Import it again.`, { where: this.where });
      yield { at: (from - entry.from) / width, data: floats(bytes, entry.dtype) };
    }
  }
}

/** Tensors that are in memory already; a piece is a view of them. */
export function inMemory(tensors: SafeTensors): TensorSource {
  return {
    shapes: new Map(Object.entries(tensors).map(([name, { shape }]) => [name, shape])),
    async *pieces(name) {
      const tensor = tensors[name];
      if (!tensor) throw missing(name, 'The model');
      const data = tensor.data as Float32Array<ArrayBuffer>;
      for (let at = 0; at < data.length; at += PIECE_FLOATS) yield { at, data: data.subarray(at, at + PIECE_FLOATS) };
    },
  };
}

/** Whether two tensors have one shape and the same values (torch.equal): read side by side, up to the first that differs. */
export async function isSameTensor(a: TensorSource, nameA: string, b: TensorSource, nameB: string): Promise<boolean> {
  if (a.shapes.get(nameA)?.join() !== b.shapes.get(nameB)?.join()) return false;
  const others = b.pieces(nameB)[Symbol.asyncIterator]();
  let other = new Float32Array();
  let at = 0; // in `other`
  for await (const { data } of a.pieces(nameA))
    for (let i = 0; i < data.length; i++, at++) {
      if (at === other.length) {
        const { value, done } = await others.next();
        if (done) return false;
        [other, at] = [(value as TensorPiece).data, 0];
      }
      if (data[i] !== other[at]) return false;
    }
  return true;
}
/** One tensor whole. */
export async function readTensor(source: TensorSource, name: string): Promise<SafeTensors[string]> {
  const shape = [...(source.shapes.get(name) ?? [])];
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  for await (const piece of source.pieces(name)) data.set(piece.data, piece.at);
  return { shape, data };
}
/** All tensors, as long as there is memory for them. */
export async function readTensors(source: TensorSource): Promise<SafeTensors> {
  const out: SafeTensors = {};
  for (const name of source.shapes.keys()) out[name] = await readTensor(source, name);
  return out;
}

const missing = (name: string, where: string): DataError =>
  new DataError(`${where} holds no tensor ${name}. Import the model again.`, { where });
