// Chunks of a Blob through one buffer: a new buffer each would wait for the garbage collector, which lets 200 MB of them gather.
import { CHUNK_BYTES } from '../storage/hash';

export class ChunkReader {
  private buffer = new ArrayBuffer(CHUNK_BYTES);
  /** The chunk that the open stream stands before. */
  private next = 0;
  private stream?: ReadableStreamBYOBReader;

  constructor(private readonly blob: Blob) {}

  get count(): number {
    return Math.ceil(this.blob.size / CHUNK_BYTES);
  }
  /** Chunk i; in order is quickest. Its bytes are good until the next call. */
  async read(i: number): Promise<Uint8Array<ArrayBuffer>> {
    const from = i * CHUNK_BYTES;
    const size = Math.min(CHUNK_BYTES, this.blob.size - from);
    if (this.next !== i || !this.stream) {
      await this.close();
      try {
        this.stream = this.blob.slice(from).stream().getReader({ mode: 'byob' });
      } catch {
        // A browser whose blobs are no byte streams: a buffer each, then.
        return new Uint8Array(await this.blob.slice(from, from + size).arrayBuffer());
      }
    }
    let at = 0;
    while (at < size) {
      const { value, done } = await this.stream.read(new Uint8Array(this.buffer, at, size - at));
      if (value) {
        this.buffer = value.buffer; // it went over to the stream and came back
        at += value.byteLength;
      }
      if (done && at < size) throw new Error(`The file ended ${size - at} bytes early.`);
    }
    this.next = i + 1;
    return new Uint8Array(this.buffer, 0, size);
  }
  async close(): Promise<void> {
    const { stream } = this;
    this.stream = undefined;
    if (!stream) return;
    await stream.cancel().catch(() => {}); // it may have failed, which the read has told
    // A read that was cut off keeps the buffer.
    if (this.buffer.byteLength < CHUNK_BYTES) this.buffer = new ArrayBuffer(CHUNK_BYTES);
  }
}
