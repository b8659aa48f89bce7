/** What: times as people read them in tables. */

const UNITS: readonly (readonly [name: string, ms: number])[] = [
  ['d', 86_400_000], ['h', 3_600_000], ['min', 60_000], ['s', 1000],
]

/** Gives a duration in its largest unit: `3 d`, `12 min`, `0 s`. */
export function ageText(ms: number): string {
  const [name, unitMs] = UNITS.find(([, each]) => ms >= each) ?? UNITS.at(-1)!
  return `${Math.floor(ms / unitMs)} ${name}`
}

const DATE_MS_MAX = 8.64e15

/** Gives a time in milliseconds since 1970 as a date with its second, also one that is beyond all dates. */
export function timeText(ms: number): string {
  return ms <= DATE_MS_MAX ? new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z') : `${ms} ms since 1970`
}
