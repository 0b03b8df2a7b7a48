// Days and times as a person reads them. Pure, for a given now.

/** The time of a moment today, the date of an earlier one; in the reader's own language and time zone unless given. */
export function sinceWords(at: number, now: number, locale?: string): string {
  const then = new Date(at);
  return then.toDateString() === new Date(now).toDateString()
    ? `today, ${then.toLocaleTimeString(locale, { timeStyle: 'short' })}`
    : then.toLocaleDateString(locale, { dateStyle: 'medium' });
}
