/**
 * What: what verify is asked and what it says.
 */
import type { Problem, ProgressMeter, ToolReport } from '../report/index.js'

/**
 * How much is read. `quick`: names, manifest, logs' headers, and of each table what tells where everything else is: it
 * finds files that are missing, exchanged, foreign or cut. `full`: every byte of every file: it finds rot. `deep`: also
 * all entries in one walk, and every value that they point to: it finds faults of Varve itself.
 */
export type VerifyLevel = 'quick' | 'full' | 'deep'

export const VERIFY_LEVELS: readonly VerifyLevel[] = ['quick', 'full', 'deep']

/** What was checked, and what is wrong. */
export interface VerifyReport extends ToolReport {
  /** How much was read. */
  level: VerifyLevel
  /** Entries that the walk of level `deep` has seen; null at other levels. */
  entryCount: number | null
  /** True when all tables and value logs were read past the caches of the system, as option `direct` asks. */
  isDirect: boolean
}

/** A long call, its options checked. */
export interface CheckingCall {
  /** Infinity for no limit. */
  bytesPerSecond: number
  progress: ProgressMeter
  /** Throws why the call must end. */
  check(): void
}

/** A verify, its options checked. */
export interface VerifyCall extends CheckingCall {
  level: VerifyLevel
  /** The disk is read past every cache of the system, where that can be done. */
  direct: boolean
  /** Hears of each problem of the report when all are known. */
  onProblem: ((problem: Problem) => void) | undefined
}
