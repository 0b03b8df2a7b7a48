// strftime with English names, in UTC, so that the same clock gives the same bytes anywhere.

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = 'January February March April May June July August September October November December'.split(' ');
const DAY = 86_400_000;

/** Year and number of the ISO week. */
function isoWeek(date: Date): [year: number, week: number] {
  const thursday = new Date(date);
  thursday.setUTCDate(date.getUTCDate() + 4 - (date.getUTCDay() || 7));
  const year = thursday.getUTCFullYear();
  return [year, Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / DAY / 7) + 1];
}

/** C's strftime with glibc's flags - _ 0 ^ #; unknown codes stay as they are. */
export function strftime(date: Date, format: string): string {
  const day = date.getUTCDay();
  const year = date.getUTCFullYear();
  const hour = date.getUTCHours();
  const ofYear = Math.floor((date.getTime() - Date.UTC(year, 0, 1)) / DAY) + 1;
  const weekFrom = (first: number) => Math.floor((ofYear + 6 - ((day + 7 - first) % 7)) / 7);
  /** Number, digits, padding. */
  const numbers: Record<string, [value: number, width: number, fill?: string]> = {
    d: [date.getUTCDate(), 2],
    e: [date.getUTCDate(), 2, ' '],
    m: [date.getUTCMonth() + 1, 2],
    y: [year % 100, 2],
    Y: [year, 1],
    C: [Math.floor(year / 100), 2],
    H: [hour, 2],
    k: [hour, 2, ' '],
    I: [hour % 12 || 12, 2],
    l: [hour % 12 || 12, 2, ' '],
    M: [date.getUTCMinutes(), 2],
    S: [date.getUTCSeconds(), 2],
    j: [ofYear, 3],
    u: [day || 7, 1],
    w: [day, 1],
    U: [weekFrom(0), 2],
    W: [weekFrom(1), 2],
    G: [isoWeek(date)[0], 1],
    V: [isoWeek(date)[1], 2],
    s: [Math.floor(date.getTime() / 1000), 1],
    f: [date.getUTCMilliseconds() * 1000, 6],
  };
  const texts: Record<string, string> = {
    a: DAYS[day]!.slice(0, 3),
    A: DAYS[day]!,
    b: MONTHS[date.getUTCMonth()]!.slice(0, 3),
    h: MONTHS[date.getUTCMonth()]!.slice(0, 3),
    B: MONTHS[date.getUTCMonth()]!,
    p: hour < 12 ? 'AM' : 'PM',
    P: hour < 12 ? 'am' : 'pm',
    // A clock without a zone prints none.
    Z: '',
    z: '',
    n: '\n',
    t: '\t',
    '%': '%',
  };
  const whole: Record<string, string> = {
    c: '%a %b %e %H:%M:%S %Y',
    x: '%m/%d/%y',
    X: '%H:%M:%S',
    D: '%m/%d/%y',
    F: '%Y-%m-%d',
    T: '%H:%M:%S',
    R: '%H:%M',
    r: '%I:%M:%S %p',
  };
  return format.replace(/%([-_0^#]?)([a-zA-Z%])/g, (all, flag: string, code: string) => {
    const number = numbers[code];
    if (number) {
      const [value, width, fill = '0'] = number;
      if (flag === '-') return String(value);
      return String(value).padStart(width, flag === '_' ? ' ' : flag === '0' ? '0' : fill);
    }
    const text = whole[code] === undefined ? texts[code] : strftime(date, whole[code]!);
    if (text === undefined) return all;
    if (flag === '^') return text.toUpperCase();
    if (flag === '#') return code === 'p' ? text.toLowerCase() : text.toUpperCase();
    return text;
  });
}
