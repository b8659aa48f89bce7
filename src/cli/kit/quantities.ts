/**
 * What: numbers, sizes and durations as people write them on a command line.
 */
import { GiB, KiB, MiB } from '../../base/index.js'
import { UsageError } from '../command.js'

const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1, b: 1, k: KiB, kib: KiB, kb: 1e3, m: MiB, mib: MiB, mb: 1e6, g: GiB, gib: GiB, gb: 1e9,
  t: 1024 * GiB, tib: 1024 * GiB, tb: 1e12,
}
const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000,
}

/** Reads `4096`, `64k`, `1.5GiB` or `2GB` as bytes. Throws UsageError. */
export function readSize(text: string, name: string): number {
  const bytes = readQuantity(text, SIZE_UNITS)
  if (bytes !== null) return Math.round(bytes)
  throw new UsageError(`${name} takes a size such as 4096, 64MiB or 2GB, not '${text}'`)
}

/** Reads `500ms`, `90s`, `5m`, `2h`, `7d` or `1w` as milliseconds. Throws UsageError. */
export function readDuration(text: string, name: string): number {
  const ms = readQuantity(text, DURATION_UNITS)
  if (ms !== null) return ms
  throw new UsageError(`${name} takes a duration such as 90s, 5m, 2h or 7d, not '${text}'`)
}

function readQuantity(text: string, units: Readonly<Record<string, number>>): number | null {
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?([a-z]*)$/i.exec(text) ?? []
  if (number === undefined || !Object.hasOwn(units, unit!.toLowerCase())) return null
  return Number(number) * units[unit!.toLowerCase()]!
}

export interface NumberLimits {
  min: number
  max: number
  /** True allows fractions. */
  isFraction?: boolean
}

/** Reads a decimal number. Throws UsageError. */
export function readNumber(text: string, name: string, { min, max, isFraction = false }: NumberLimits): number {
  const number = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN
  if (number >= min && number <= max && (isFraction || Number.isSafeInteger(number))) return number
  const upTo = max >= Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`
  throw new UsageError(`${name} takes a ${isFraction ? '' : 'whole '}number ${upTo}, not '${text}'`)
}

const AMOUNT_UNITS: readonly (readonly [name: string, bytes: number])[] = [
  ['TiB', 1024 * GiB], ['GiB', GiB], ['MiB', MiB], ['KiB', KiB],
]

/** From this part of a unit on, its number has four digits in the next smaller unit: 1024.0. */
const ROUNDS_UP = 1 - 0.05 / 1024

/** Gives bytes in their largest unit: `812 B`, `4.0 KiB`, `1.5 GiB`. */
export function amountText(bytes: number): string {
  const unit = AMOUNT_UNITS.find(([, each]) => bytes >= each * ROUNDS_UP)
  return unit === undefined ? `${Math.round(bytes)} B` : `${(bytes / unit[1]).toFixed(1)} ${unit[0]}`
}

/** Gives a count with the name of what is counted: `1 entry`, `2,000 entries`. */
export function countedText(count: number, one: string, many = `${one}s`): string {
  return count === 1 ? `1 ${one}` : `${count.toLocaleString('en-US')} ${many}`
}
