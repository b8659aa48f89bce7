/**
 * What: reads of one open database in the formats of abstract-level. Each looks at the state of the moment
 * of the call; lists keep that state over their pauses.
 * Owns: the memory that small results share. Thread: main.
 */
import type { Varve } from '../api/index.js'
import type { Bytes, SeqNum } from '../base/index.js'
import { approximateBytes } from '../engine/index.js'
import type { ReadPath, ReadState, ReadView } from '../engine/index.js'
import type { KeyRange } from '../iterator/index.js'
import type { FormatName, PrivateRangeOptions, PrivateReadOptions, SnapshotOwner } from './level-base.js'
import { engineBytes, FormatCopier } from './level-format.js'
import { levelIterator } from './level-iterators.js'
import { LevelSnapshot, seqNumOf } from './level-snapshot.js'
import type { Format } from './classic-level.js'
import { RangeReader } from './range-reader.js'
import type { Part } from './range-reader.js'

export class LevelReads {
  private readonly db: Varve
  private readonly view: ReadView
  private readonly reads: ReadPath
  private readonly copier = new FormatCopier()

  constructor(db: Varve) {
    this.db = db
    // The facade is the engine's second face: it reads where Varve itself does, which nobody else shall see.
    this.view = db['view']
    this.reads = db['reads']
  }

  get state(): ReadState {
    return this.view.state
  }

  getSync(key: Format, options: PrivateReadOptions): Format | undefined {
    const { view } = this
    view.checkReadable()
    return this.read(view.state, engineBytes(key), options.valueEncoding, seqNumOf(options, view))
  }

  get(key: Format, options: PrivateReadOptions): Promise<Format | undefined> {
    return this.answer(this.getSync(key, options))
  }

  has(key: Format, options: PrivateReadOptions): Promise<boolean> {
    const { view } = this
    view.checkReadable()
    return this.answer(this.reads.has(view.state, engineBytes(key), seqNumOf(options, view)))
  }

  getMany(keys: readonly Format[], options: PrivateReadOptions): Promise<(Format | undefined)[]> {
    const { valueEncoding } = options
    return this.forEach(keys, options, (state, key, seqNum) => this.read(state, key, valueEncoding, seqNum))
  }

  hasMany(keys: readonly Format[], options: PrivateReadOptions): Promise<boolean[]> {
    return this.forEach(keys, options, (state, key, seqNum) => this.reads.has(state, key, seqNum))
  }

  /** An abstract-level iterator for `owner`. */
  iterator(owner: object, part: Part, options: PrivateRangeOptions): object {
    this.view.checkReadable()
    return levelIterator(owner, part, options, new RangeReader(this.view, part, options))
  }

  snapshot(options: SnapshotOwner): LevelSnapshot {
    return new LevelSnapshot(this.db.snapshot(), this.view, options)
  }

  approximateBytes(range: KeyRange): number {
    this.view.checkReadable()
    return approximateBytes(this.view.state, range)
  }

  answer<T>(value: T): Promise<T> {
    return this.view.turns.answer(value)
  }

  private read(state: ReadState, key: Bytes, format: FormatName, seqNum: SeqNum): Format | undefined {
    const found = this.reads.lend(state, key, seqNum)
    if (found === null) return undefined
    return this.copier.copy(found.valueBytes, found.valueStart, found.valueEnd, format)
  }

  /** In the order of the keys, all from one state, without holding the event loop for long. */
  private async forEach<T>(
    keys: readonly Format[], options: PrivateReadOptions, one: (state: ReadState, key: Bytes, seqNum: SeqNum) => T,
  ): Promise<T[]> {
    const { view } = this
    view.checkReadable()
    const seqNum = seqNumOf(options, view)
    const { state } = view
    const results = new Array<T>(keys.length)
    state.hold()
    try {
      for (let i = 0; i < keys.length; i++) {
        results[i] = one(state, engineBytes(keys[i]!), seqNum)
        if (view.turns.isOver()) await view.turns.next()
      }
    } finally {
      state.release()
    }
    return results
  }
}
