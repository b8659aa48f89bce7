/**
 * What: what a flush does with large values: where they stand once it is over. Plain data and arithmetic.
 * Thread: any (pure).
 */
import { MiB } from '../base/index.js'
import { garbageLeft } from '../pick/index.js'
import { VALUE_FRAMING_BYTES_MAX } from '../vlog/index.js'

/** Which values are large: of a list of rules, the first whose prefix a key begins with decides about its value. */
export interface ValueRule {
  /** The keys that it is for; empty: all. */
  readonly prefix: Uint8Array
  /** A value of this many bytes or more is large; infinity: none is. */
  readonly threshold: number
}

const ALL_KEYS = new Uint8Array(0)

/** Large values in all from which on they are copied into a file of their own. */
export const VALUE_COPY_BYTES_MIN = MiB
const PROMOTE_SHARE_MIN = 3 / 4

/** Counts the value logs that entries of so many bytes may fill; 0: there cannot be enough large values among them. */
export function valueLogsMax({ rules, fileBytes }: ValueSettings, rawBytes: number): number {
  if (rules.length === 0 || rawBytes < VALUE_COPY_BYTES_MIN) return 0
  const framingBytes = rawBytes / largeBytesMin(rules) * VALUE_FRAMING_BYTES_MAX
  return 1 + Math.floor((rawBytes + framingBytes) / fileBytes)
}

/** What the options of a database say to its flushes. */
export interface ValueSettings {
  /** Empty: values stay in tables. */
  readonly rules: readonly ValueRule[]
  /** The part of a log that must be large values for the log to be promoted. */
  readonly promoteShareMin: number
  /** Bytes of large values that must be in it. */
  readonly promoteBytesMin: number
  /** A value log into which values are copied is ended at about this size. */
  readonly fileBytes: number
}

export interface ValueOptions {
  valueThreshold: number
  garbageRatio: number
  writeBufferSize: number
  valueFileBytes: number
}

/** The one place where options of a database become what its flushes do with values. */
export function valueSettings(options: ValueOptions): ValueSettings {
  const { valueThreshold, garbageRatio, writeBufferSize, valueFileBytes } = options
  return {
    rules: valueThreshold === 0 ? [] : [{ prefix: ALL_KEYS, threshold: valueThreshold }],
    // A log that is promoted must not be worth collecting at once.
    promoteShareMin: Math.max(PROMOTE_SHARE_MIN, 1 - garbageLeft(garbageRatio)),
    // Otherwise each short session would leave a tiny file.
    promoteBytesMin: Math.min(MiB, writeBufferSize / 2),
    fileBytes: valueFileBytes,
  }
}

/** A shorter value is large by no rule; infinity when none is. */
export function largeBytesMin(rules: readonly ValueRule[]): number {
  return rules.reduce((least, { threshold }) => Math.min(least, threshold), Infinity)
}

/** True when the value of the key bytes[keyStart, keyEnd) is large. */
export function isLargeValue(
  rules: readonly ValueRule[], bytes: Uint8Array, keyStart: number, keyEnd: number, valueBytes: number,
): boolean {
  for (let i = 0; i < rules.length; i++) {
    const { prefix, threshold } = rules[i]!
    if (hasPrefix(bytes, keyStart, keyEnd, prefix)) return valueBytes >= threshold
  }
  return false
}

function hasPrefix(bytes: Uint8Array, start: number, end: number, prefix: Uint8Array): boolean {
  if (end - start < prefix.length) return false
  for (let i = 0; i < prefix.length; i++) if (bytes[start + i] !== prefix[i]) return false
  return true
}

/**
 * promote: handles point into the log, and no byte of a value is touched. copy: values are written into a value log, in
 * the order of their keys. keep: they stay in the table.
 */
export type ValueDecision = 'promote' | 'copy' | 'keep'

/** What is known of the large values that a flush keeps. */
export interface LargeValues {
  /** Bytes of all of them. */
  bytes: number
  /** Where the last one ends in the log. */
  end: number
}

/** The log that they stand in. */
export interface ValueSource {
  /** The end of its last published frame. */
  logBytes: number
  /** Bytes of it that are known durable, or will be before an edit can name them. */
  provenBytes: number
  /** True when there is a file to copy into. */
  mayCopy: boolean
}

export function decideValues(
  large: LargeValues, { logBytes, provenBytes, mayCopy }: ValueSource, settings: ValueSettings,
): ValueDecision {
  const { promoteShareMin, promoteBytesMin } = settings
  const isWorthPromoting = large.bytes >= promoteBytesMin && large.bytes >= promoteShareMin * logBytes
  if (isWorthPromoting && large.end <= provenBytes) return 'promote'
  return mayCopy && large.bytes >= VALUE_COPY_BYTES_MIN ? 'copy' : 'keep'
}
