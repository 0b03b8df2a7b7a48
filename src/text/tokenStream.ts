// Text of tokens that come one by one.
import { type Decoder, tokenBytes } from './decoders';

export class TokenStream {
  private readonly decoder: Decoder;
  private readonly utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
  private readonly tokens: string[] = [];
  private given = '';
  /** Tokens before this one no longer touch what comes; `context` is what those from here gave when it was set. */
  private from = 0;
  private read = 0;
  private context = '';

  constructor(decoder: Decoder) {
    this.decoder = decoder;
  }

  push(token: string): string {
    if (this.decoder.bytes) return this.utf8.decode(tokenBytes(token), { stream: true });
    this.tokens.push(token);
    // A short stretch is decoded again with its context, so that a long text does not cost its square.
    const text = this.decoder.decode(this.tokens.slice(this.from));
    if (text.length <= this.context.length || text.endsWith('\ufffd') || !text.startsWith(this.context)) return '';
    const next = text.slice(this.context.length);
    this.from = this.read;
    this.read = this.tokens.length;
    this.context = this.decoder.decode(this.tokens.slice(this.from));
    this.given += next;
    return next;
  }

  /** What was held back. */
  end(): string {
    if (this.decoder.bytes) return this.utf8.decode();
    const all = this.decoder.decode(this.tokens);
    return all.startsWith(this.given) ? all.slice(this.given.length) : '';
  }
}
