/**
 * What: a database as the inspector looks at it: one that this process writes, or a view of one that it only reads.
 * Asks what exists anyway; reads, and changes nothing.
 * Thread: main.
 */
import { readersOf } from '../api/index.js'
import type { Varve } from '../api/index.js'
import { toHex } from '../base/index.js'
import type { Clock } from '../base/index.js'
import type { Engine } from '../engine/index.js'
import type { Version } from '../manifest/index.js'
import type { ReadOnlyView } from '../open/index.js'
import type { ReadView } from '../read/index.js'
import type { Stats } from '../stats/index.js'
import type { Vfs } from '../vfs/index.js'

export class Subject {
  readonly db: Varve
  readonly view: ReadView
  /** Null when the database was opened read-only. */
  readonly engine: Engine | null
  private readonly follower: ReadOnlyView | null
  /** True when the inspector opened it, and so shows later states by itself, and closes it. */
  readonly isOwn: boolean

  constructor(db: Varve, isOwn: boolean) {
    this.db = db
    this.isOwn = isOwn
    this.view = readersOf(db).view
    // By what they have: a program may have the package twice, as modules and as CommonJS.
    this.engine = 'flusher' in this.view ? (this.view as unknown as Engine) : null
    this.follower = 'sight' in this.view ? (this.view as unknown as ReadOnlyView) : null
  }

  get dir(): string {
    return this.view.dir
  }

  get clock(): Clock {
    return this.view.clock
  }

  get vfs(): Vfs {
    return this.engine?.setup.vfs ?? this.follower!.reading.vfs
  }

  /** What tells the database from others, in hexadecimal digits. */
  get databaseId(): string {
    return toHex(this.engine?.setup.origin.databaseId ?? this.follower!.sight.databaseId)
  }

  get version(): Version {
    return this.engine?.versions.current ?? this.follower!.sight.version
  }

  get isClosed(): boolean {
    return this.engine?.isClosing ?? this.follower!.isClosed
  }

  stats(): Stats {
    return this.db.stats()
  }

  /** Calls back when the database is closed. Gives the function that ends that. */
  onClose(listener: () => void): () => void {
    const resource = { cut: listener }
    this.view.attach(resource)
    return () => this.view.detach(resource)
  }
}
