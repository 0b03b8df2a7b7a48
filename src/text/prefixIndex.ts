// All strings of a set that a text has at a place: a sorted list, narrowed unit by unit. As small as the list itself.

export class PrefixIndex {
  private readonly keys: readonly string[];
  private readonly values: Int32Array;
  /** First UTF-16 unit → stretch [from, to) of `keys`. */
  private readonly byFirst = new Map<number, readonly [number, number]>();

  /** Empty strings are left out. */
  constructor(entries: Iterable<readonly [key: string, value: number]>) {
    const list = Array.from(entries).filter(([key]) => key !== '');
    list.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    this.keys = list.map(([key]) => key);
    this.values = Int32Array.from(list, ([, value]) => value);
    for (let from = 0; from < list.length; ) {
      const unit = this.keys[from]!.charCodeAt(0);
      let to = from + 1;
      while (to < list.length && this.keys[to]!.charCodeAt(0) === unit) to++;
      this.byFirst.set(unit, [from, to]);
      from = to;
    }
  }

  /** Calls `visit` with the end and the value of each key that stands at `at`, shortest first. */
  visit(text: string, at: number, visit: (end: number, value: number) => void): void {
    const { keys } = this;
    const range = this.byFirst.get(text.charCodeAt(at));
    if (!range) return;
    let [from, to] = range;
    for (let depth = 1; ; depth++) {
      // The key that ends here sorts before those that go on.
      if (keys[from]!.length === depth) visit(at + depth, this.values[from++]!);
      if (from >= to || at + depth >= text.length) return;
      const unit = text.charCodeAt(at + depth);
      from = this.firstFrom(from, to, depth, unit);
      to = this.firstFrom(from, to, depth, unit + 1);
      if (from >= to) return;
    }
  }

  /** The first key in [from, to) whose unit at `depth` is `unit` or more. */
  private firstFrom(from: number, to: number, depth: number, unit: number): number {
    let [low, high] = [from, to];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.keys[middle]!.charCodeAt(depth) < unit) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
