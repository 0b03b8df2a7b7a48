// What a row of a decode batch knows, on the device: R words each, one section after the other. The sampling kernel moves it on,
// so that many tokens can be encoded without the host.
export const DECODE = {
  /** Prompt that it continues, and how many of its tokens stand in the shared prefix. */
  group: 0,
  prefix: 1,
  /** Position of the token that is fed next. */
  position: 2,
  /** Row of the own cache that its key and value go to, and own keys once they are there. */
  cacheRow: 3,
  own: 4,
  /** 1: the row has ended. */
  done: 5,
  token: 6,
  /** Random stream: a row's tokens do not depend on its neighbours. */
  stream: 7,
  /** New tokens so far. */
  count: 8,
  /** New tokens at most: its own, whatever its neighbours are. */
  limit: 9,
} as const;
export const DECODE_WORDS = Object.keys(DECODE).length;
/** WGSL: word of a section for row `row`; `rows` is the number of rows. */
export const stateAt = (section: keyof typeof DECODE, row = 'row', rows = 'p.rows'): string =>
  `state[${DECODE[section]}u * ${rows} + ${row}]`;
