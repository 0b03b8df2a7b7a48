// A loss is written once over these operations and runs three ways: on numbers (the page's curves), on dual numbers (exact
// derivatives without a tape, Wengert 1964) and on tensors (src/trainers/preference/tensorAlgebra.ts).

/** The operations of a formula over values T. A plain number stands for a constant. */
export interface Algebra<T> {
  add(a: T, b: T | number): T;
  sub(a: T, b: T | number): T;
  mul(a: T, b: T | number): T;
  div(a: T, b: T | number): T;
  exp(a: T): T;
  /** 1 / (1 + e^−a). */
  sigmoid(a: T): T;
  /** log σ(a), without overflow: a for very negative a. */
  logSigmoid(a: T): T;
  /** log(1 − e^a) for a < 0. */
  log1mExp(a: T): T;
  /** max(0, a); its slope at 0 is 0. */
  relu(a: T): T;
  square(a: T): T;
  /** The smaller of a and a constant; its slope is 0 above the constant. */
  atMost(a: T, limit: number): T;
  /** The larger of a and a constant; its slope is 0 below the constant. */
  atLeast(a: T, limit: number): T;
}

const sigmoid = (a: number): number => (a >= 0 ? 1 / (1 + Math.exp(-a)) : Math.exp(a) / (1 + Math.exp(a)));

export const numbers: Algebra<number> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  exp: Math.exp,
  sigmoid,
  logSigmoid: (a) => Math.min(a, 0) - Math.log1p(Math.exp(-Math.abs(a))),
  log1mExp: (a) => (a < -Math.LN2 ? Math.log1p(-Math.exp(a)) : Math.log(-Math.expm1(a))),
  relu: (a) => Math.max(0, a),
  square: (a) => a * a,
  atMost: Math.min,
  atLeast: Math.max,
};

/** A number with its derivatives with respect to some inputs. */
export interface Dual {
  value: number;
  slopes: readonly number[];
}

const slopes = (x: Dual | number): readonly number[] => (typeof x === 'number' ? [] : x.slopes);
const value = (x: Dual | number): number => (typeof x === 'number' ? x : x.value);

/** value = f(a, b), slopes = da · a' + db · b'. A slope of 0 stays 0 beside an infinite factor. */
function chain(result: number, a: Dual, da: number, b: Dual | number = 0, db = 0): Dual {
  const other = slopes(b);
  const times = (factor: number, slope: number) => (slope === 0 ? 0 : factor * slope);
  return { value: result, slopes: a.slopes.map((slope, i) => times(da, slope) + times(db, other[i] ?? 0)) };
}

export const duals: Algebra<Dual> = {
  add: (a, b) => chain(a.value + value(b), a, 1, b, 1),
  sub: (a, b) => chain(a.value - value(b), a, 1, b, -1),
  mul: (a, b) => chain(a.value * value(b), a, value(b), b, a.value),
  div: (a, b) => chain(a.value / value(b), a, 1 / value(b), b, -a.value / value(b) ** 2),
  exp: (a) => chain(Math.exp(a.value), a, Math.exp(a.value)),
  sigmoid: (a) => chain(sigmoid(a.value), a, sigmoid(a.value) * sigmoid(-a.value)),
  logSigmoid: (a) => chain(numbers.logSigmoid(a.value), a, sigmoid(-a.value)),
  log1mExp: (a) => chain(numbers.log1mExp(a.value), a, 1 / -Math.expm1(-a.value)),
  relu: (a) => chain(Math.max(0, a.value), a, a.value > 0 ? 1 : 0),
  square: (a) => chain(a.value ** 2, a, 2 * a.value),
  atMost: (a, limit) => chain(Math.min(a.value, limit), a, a.value <= limit ? 1 : 0),
  atLeast: (a, limit) => chain(Math.max(a.value, limit), a, a.value >= limit ? 1 : 0),
};

/** The inputs of a formula as duals, each with a slope of 1 with respect to itself. */
export function variables<K extends string>(inputs: Record<K, number>): Record<K, Dual> {
  const names = Object.keys(inputs) as K[];
  const dual = (name: K): Dual => ({ value: inputs[name], slopes: names.map((other) => (other === name ? 1 : 0)) });
  return Object.fromEntries(names.map((name) => [name, dual(name)])) as Record<K, Dual>;
}
