// Numbers as a sentence says them: as many digits as mean something, units in words, a real minus sign.

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** 4096 → `4,096`. */
export const count = (n: number): string => whole.format(n);

/** `1 row`, `4,096 rows`. */
export const plural = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`;

/** 0.1234 → `12 %`; shares under 10 % keep one decimal, so that 0.4 % is not read as none. */
export function percent(share: number): string {
  if (!Number.isFinite(share)) return '–';
  const value = share * 100;
  const digits = value !== 0 && Math.abs(value) < 9.95 && !Number.isInteger(Math.round(value * 1000) / 1000) ? 1 : 0;
  return `${minus(Math.abs(value) >= 1000 ? whole.format(value) : value.toFixed(digits))} %`;
}

/** Three significant digits below 10, otherwise two decimals at most: 0.0412, 2.21, 13.4, 1,024. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size >= 1000) return minus(whole.format(value));
  if (size >= 100) return minus(value.toFixed(0));
  if (size >= 10) return minus(value.toFixed(1));
  if (size >= 1 || size === 0) return minus(value.toFixed(2));
  if (size >= 0.001) return minus(value.toFixed(3));
  return minus(value.toExponential(1));
}

/** For sums to be checked by hand: always two decimals, and `of` whole hundredths, so that what is written adds up. */
export const hundredths = (value: number): number => Math.round(value * 100) / 100;
const twoDecimals = new Intl.NumberFormat('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
export const decimal = (value: number): string => (Number.isFinite(value) ? minus(twoDecimals.format(value).replace(/^-0\.00$/, '0.00')) : '–'); // biome-ignore format: one choice

/** As a setting is written: 0.02, 1.2, 2.4; three significant digits. */
export const setting = (value: number): string => minus(String(Number(value.toPrecision(3))));

/** Signed, for differences: `+0.12`, `−0.40`. */
export const signed = (value: number): string => (value > 0 ? `+${number(value)}` : number(value));

const GIB = 2 ** 30;
/** Bytes → `412 MiB`, `3.25 GiB`. */
export const sizeWords = (bytes: number): string =>
  bytes >= GIB ? `${number(bytes / GIB)} GiB` : `${Math.max(1, Math.round(bytes / 2 ** 20))} MiB`;

/** `1.2 MB`, `538 MB`: decimal, as file managers and browsers' quotas count. */
export function megabytes(bytes: number): string {
  if (bytes < 1e6) return `${count(Math.max(bytes === 0 ? 0 : 1, Math.round(bytes / 1e3)))} kB`;
  if (bytes < 1e9) return `${(bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)} MB`;
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
/** Seconds until the last step, at a pace of `stepMs` milliseconds a step; NaN before there is a pace. */
export const secondsLeft = (step: number, maxSteps: number, stepMs: number | undefined): number =>
  stepMs === undefined || step === 0 ? Number.NaN : (Math.max(0, maxSteps - step) * stepMs) / 1000;

/** Seconds → `41 s`, `2:05 min`, `1 h 12 min`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '–';
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, '0')} min`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

const minus = (text: string): string => text.replace(/^-/, '−');
