/**
 * What: who asks for compactions besides the style, and how often in a row what they asked for has failed.
 * Owns: the list, in the order they came. Does not own: what is under way for them (compactor.ts).
 * Thread: main.
 */
import { isOutOfFiles } from '../base/index.js'
import type { ExtraPicker } from './compaction-task.js'

/** Then a call that waits is told; what the style asks for is tried for ever. */
const ATTEMPTS_MAX = 3
/** When nothing can be opened: after a quarter of a minute. */
const ATTEMPTS_OUT_OF_FILES_MAX = 7

export class ExtraPickers {
  private readonly asking = new Map<ExtraPicker, { failedInRow: number; error: unknown }>()

  get all(): ExtraPicker[] {
    return [...this.asking.keys()]
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

  /** What it asked for has failed so often that whoever asked should hear of it; null: go on. */
  failureOf(picker: ExtraPicker): { error: unknown } | null {
    const asked = this.asking.get(picker)
    if (asked === undefined) return null
    const attemptsMax = isOutOfFiles(asked.error) ? ATTEMPTS_OUT_OF_FILES_MAX : ATTEMPTS_MAX
    return asked.failedInRow >= attemptsMax ? asked : null
  }
}
