/**
 * What: the pickers that ask for compactions besides the style's own, and how often each has failed in a row.
 * Owns: the list, in the order in which they were added. Does not own: their running compactions (compactor.ts).
 * Thread: main.
 */
import { isOutOfFiles } from '../base/index.js'
import type { ExtraPicker } from './compaction-task.js'

/** Failures in a row after which a waiting call rejects. The style's own compactions are tried for ever. */
const ATTEMPTS_MAX = 3
/** Failures in a row that are allowed when no file can be opened; they take a quarter of a minute. */
const ATTEMPTS_OUT_OF_FILES_MAX = 7

export class ExtraPickers {
  private readonly asking = new Map<ExtraPicker, { failedInRow: number; error: unknown }>()

  /** The order in which pickers are asked. While writers are stopped the style is first, and before patient ones. */
  orderWith(style: ExtraPicker, isStopped: boolean): ExtraPicker[] {
    const before = (picker: ExtraPicker): boolean => !isStopped && picker.isPatient !== true
    const all = [...this.asking.keys()]
    return [...all.filter(before), style, ...all.filter((picker) => !before(picker))]
  }

  add(picker: ExtraPicker): void {
    this.asking.set(picker, { failedInRow: 0, error: null })
  }

  remove(picker: ExtraPicker): void {
    this.asking.delete(picker)
  }

  noteSuccess(picker: ExtraPicker | null): void {
    const asked = picker === null ? undefined : this.asking.get(picker)
    if (asked !== undefined) asked.failedInRow = 0
  }

  noteFailure(picker: ExtraPicker | null, error: unknown): void {
    const asked = picker === null ? undefined : this.asking.get(picker)
    if (asked === undefined) return
    asked.failedInRow++
    asked.error = error
  }

  /** The error of a picker that failed so often that its caller must hear of it, or null. */
  failureOf(picker: ExtraPicker): { error: unknown } | null {
    const asked = this.asking.get(picker)
    if (asked === undefined) return null
    const attemptsMax = isOutOfFiles(asked.error) ? ATTEMPTS_OUT_OF_FILES_MAX : ATTEMPTS_MAX
    return asked.failedInRow >= attemptsMax ? asked : null
  }
}
