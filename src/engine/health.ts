/**
 * What: the error state of an open database and its rules.
 * Owns: the state, the first cause. Does not own: what failed, nor how it is mended (resume.ts).
 * Thread: main.
 * States:
 *   OPEN → DEGRADED    background work failed and is tried again
 *   OPEN, DEGRADED → READ_ONLY   writes are refused until resume; reads go on
 *   any → FAILED       nothing more is written or deleted; reads go on; reopen
 *   any → CLOSED
 *   DEGRADED, READ_ONLY → OPEN   only by a success that mends the cause; back to DEGRADED when something
 *                                else is broken until the next open
 * Invariants: ERR-1 the state only rises, except by resume. ERR-2 the first error is the cause that is reported. ERR-3
 * in FAILED this process deletes no file.
 */
import { isNoSpace, isOutOfFiles, VarveError } from '../base/index.js'

export type HealthState = 'OPEN' | 'DEGRADED' | 'READ_ONLY' | 'FAILED' | 'CLOSED'

/** The operation that failed: what `stateChanged` and `stats().backgroundError` call its place. */
export type FailurePlace =
  | 'log append' | 'log creation' | 'log sync' | 'background sync' | 'directory sync' | 'manifest' | 'flush'
  | 'compaction' | `compaction of ${string}` | 'write stall' | 'lock' | 'opening files' | 'scrub'

const RANK: Record<HealthState, number> = { OPEN: 0, DEGRADED: 1, READ_ONLY: 2, FAILED: 3, CLOSED: 4 }

export class Health {
  private stateNow: HealthState = 'OPEN'
  private first: unknown = null
  /** The operation that failed first; '' while nothing has. */
  private place: FailurePlace | '' = ''
  /** What stays broken until the next open, or null. */
  private lasting: { place: FailurePlace; error: unknown } | null = null
  private readonly onChange: (state: HealthState, place: FailurePlace | '', error: unknown) => void

  constructor(onChange: (state: HealthState, place: FailurePlace | '', error: unknown) => void) {
    this.onChange = onChange
  }

  get state(): HealthState {
    return this.stateNow
  }

  /** The first failure since the last good state, or null. */
  get cause(): unknown {
    return this.first
  }

  get causePlace(): FailurePlace | '' {
    return this.place
  }

  get mayDelete(): boolean {
    return RANK[this.stateNow] < RANK.FAILED
  }

  raise(state: 'DEGRADED' | 'READ_ONLY' | 'FAILED', place: FailurePlace, error: unknown): void {
    this.rise(state, place, error)
  }

  close(): void {
    this.rise('CLOSED', '', null)
  }

  private rise(state: HealthState, place: FailurePlace | '', error: unknown): void {
    if (RANK[state] < RANK[this.stateNow]) return
    const rises = RANK[state] > RANK[this.stateNow]
    if (this.first === null && state !== 'CLOSED') {
      this.first = error
      this.place = place
    }
    this.stateNow = state
    if (rises) this.onChange(state, place, error)
  }

  /** Raises DEGRADED for what no later success mends. */
  degradeForGood(place: FailurePlace, error: unknown): void {
    this.lasting ??= { place, error }
    this.raise('DEGRADED', place, error)
  }

  /** Background work succeeds again: mends what its failure degraded. */
  recoverFrom(place: FailurePlace): void {
    if (this.stateNow === 'DEGRADED' && this.place === place) this.recover()
  }

  /** The cause is mended. */
  recover(): void {
    if (this.stateNow !== 'DEGRADED' && this.stateNow !== 'READ_ONLY') return
    const { lasting } = this
    this.stateNow = lasting === null ? 'OPEN' : 'DEGRADED'
    this.first = lasting?.error ?? null
    this.place = lasting?.place ?? ''
    this.onChange(this.stateNow, this.place, this.first)
  }

  /** Throws why nothing may be written now. */
  checkWritable(): void {
    if (this.stateNow === 'OPEN' || this.stateNow === 'DEGRADED') return
    if (this.stateNow === 'CLOSED') throw new VarveError('CLOSED', 'the database is closed')
    if (this.stateNow === 'READ_ONLY' && isNoSpace(this.first)) {
      throw new VarveError('NO_SPACE', 'the disk is full: nothing is written until there is room', {
        cause: this.first, hint: 'free some space; writes resume by themselves',
      })
    }
    throw new VarveError('BACKGROUND_ERROR', `writes stopped after ${this.place} failed`, {
      cause: this.first, hint: this.hint,
    })
  }

  private get hint(): string {
    if (this.stateNow === 'FAILED') return 'close the database and open it again'
    return isOutOfFiles(this.first) ? 'writes resume by themselves when files can be opened again' : 'call resume()'
  }

  checkReadable(): void {
    if (this.stateNow === 'CLOSED') throw new VarveError('CLOSED', 'the database is closed')
  }
}
