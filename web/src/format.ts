/** Numbers and times as the page shows them. Pure; one locale, so that columns line up. */

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const cents = new Intl.NumberFormat('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** A typographic minus, as wide as the plus. */
const MINUS = '\u2212';

/** `12,345`. */
export function count(value: number): string {
  return grouped.format(value);
}

/** Always two decimals: `1,234.50`. */
export function price(value: number): string {
  return cents.format(value);
}

/** With its sign, two decimals: `+1.20`, `−0.42`, `0.00`. */
export function signed(value: number): string {
  const digits = cents.format(Math.abs(value));
  if (digits === '0.00') return digits;
  return (value < 0 ? MINUS : '+') + digits;
}

/** `+1.20%`. */
export function percent(value: number): string {
  return `${signed(value)}%`;
}

/** Decimal units with three digits: `512 B`, `1.24 kB`, `38.1 MB`, `720 GB`. */
export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let scaled = value;
  let unit = 0;
  // 999.5 and more would print as 1,000 of the smaller unit.
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || scaled >= 99.95 ? 0 : scaled >= 9.995 ? 1 : 2;
  return `${scaled.toFixed(digits)} ${units[unit]}`;
}

/** An age in whole milliseconds, grouped; beyond 100 minutes in minutes. Never negative: clocks are estimates. */
export function age(ms: number): { value: string; unit: string } {
  const whole = Math.max(0, Math.round(ms));
  return whole < 6_000_000 ? { value: count(whole), unit: 'ms' } : { value: count(whole / 60_000), unit: 'min' };
}

/** A length of time in prose: `450 ms`, `3.2 s`, `48 s`, `5 min`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  if (ms < 120_000) return `${Math.floor(ms / 1000)} s`;
  return `${Math.floor(ms / 60_000)} min`;
}

/** `09:30:00`, in the reader's time zone. */
export function clockTime(ms: number): string {
  const time = new Date(ms);
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}
