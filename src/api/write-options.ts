/**
 * What: what callers give with a write: its options, and the operations of a batch.
 * Thread: main. No state.
 */
import { checkFlag, invalidArgument, takeOptions, VarveError } from '../base/index.js'
import type { Bytes } from '../base/index.js'
import { copyPosition, writeHow } from '../commit/index.js'
import type { BatchOptions, KeyBounds, Lifetime, Lifetimes, WriteHow } from '../commit/index.js'

/** Options of writes. */
export interface WriteOptions {
  /** Wait until the write survives power loss; default: the database's option `sync`. */
  sync?: boolean | undefined
}

/** Options of puts. */
export interface PutOptions extends WriteOptions, Lifetime {}

/** Options of batches. */
export interface BatchWriteOptions extends WriteOptions {
  /** Opaque bytes, at most 4096, stored atomically with the batch; `db.position` gives the last. */
  position?: Uint8Array | undefined
}

/** One operation of a batch. */
export type BatchOp =
  | { type: 'put'; key: Bytes; value: Bytes; ttl?: Lifetime['ttl']; expiresAt?: Lifetime['expiresAt'] }
  | { type: 'del'; key: Bytes }
  /** Deletes all keys of a range; without bounds all keys. */
  | ({ type: 'delRange' } & KeyBounds)

/** Reads options of writes, each once; what they leave out is as the database was opened. */
export class WriteOptionReader {
  readonly syncByDefault: boolean
  private readonly lifetimes: Lifetimes
  private readonly canBlock: boolean

  /** `canBlock`: a Sync call can wait for the disk. */
  constructor(syncByDefault: boolean, lifetimes: Lifetimes, canBlock: boolean) {
    this.syncByDefault = syncByDefault
    this.lifetimes = lifetimes
    this.canBlock = canBlock
  }

  /** Whether a write is synced. Throws INVALID_ARGUMENT. */
  sync(options: WriteOptions | undefined): boolean {
    if (options === undefined) return this.syncByDefault
    return checkFlag(takeOptions('write', ['sync'], options, ({ sync }) => sync), 'sync') ?? this.syncByDefault
  }

  /** How a put is written. Throws INVALID_ARGUMENT. */
  put(options: PutOptions | undefined): WriteHow {
    if (options === undefined) return writeHow(this.syncByDefault, this.lifetimes.expiryByDefaultMs())
    return this.howOf(takeOptions('put', PUT_NAMES, options, takePutOptions))
  }

  private howOf({ sync, ...lifetime }: PutOptions): WriteHow {
    return writeHow(checkFlag(sync, 'sync') ?? this.syncByDefault, this.lifetimes.expiryMs(lifetime))
  }

  /** How the put of a Sync call is written. Throws INVALID_ARGUMENT, or NOT_SUPPORTED. */
  blockingPut(options: PutOptions | undefined): WriteHow {
    return this.blocking(this.put(options))
  }

  /** How a Sync touch writes. Throws INVALID_ARGUMENT, or NOT_SUPPORTED. */
  blockingTouch(options: PutOptions | undefined): WriteHow {
    return this.blocking(this.touch(options))
  }

  private blocking(how: WriteHow): WriteHow {
    this.checkBlocking(how.sync)
    return how
  }

  /** How a touch writes. Throws INVALID_ARGUMENT. */
  touch(options: PutOptions | undefined): WriteHow {
    const given = options === undefined ? {} : takeOptions('put', PUT_NAMES, options, takePutOptions)
    const how = this.howOf(given)
    if (given.ttl === null || how.expiryMs !== 0) return how
    throw invalidArgument('touch needs ttl or expiresAt, since the database was opened without ttl')
  }

  /** Whether a Sync call is synced. Throws INVALID_ARGUMENT, or NOT_SUPPORTED when it cannot be. */
  blockingSync(options: WriteOptions | undefined): boolean {
    return this.checkBlocking(this.sync(options))
  }

  /** Throws INVALID_ARGUMENT. */
  batch(options: BatchWriteOptions | undefined): BatchOptions {
    if (options === undefined) return { sync: this.syncByDefault, position: null }
    const { sync, position } = takeOptions('batch', ['sync', 'position'], options, takeBatchOptions)
    const ownPosition = position === undefined ? null : copyPosition(position)
    return { sync: checkFlag(sync, 'sync') ?? this.syncByDefault, position: ownPosition }
  }

  /** Throws INVALID_ARGUMENT, or NOT_SUPPORTED. */
  blockingBatch(options: BatchWriteOptions | undefined): BatchOptions {
    const read = this.batch(options)
    this.checkBlocking(read.sync)
    return read
  }

  private checkBlocking(sync: boolean): boolean {
    if (!sync || this.canBlock) return sync
    throw new VarveError('NOT_SUPPORTED', 'a Sync call cannot wait for the disk here', {
      hint: 'await the call, or allow worker threads (--allow-worker)',
    })
  }
}

const PUT_NAMES = ['sync', 'ttl', 'expiresAt']

function takePutOptions({ sync, ttl, expiresAt }: PutOptions): PutOptions {
  return { sync, ttl, expiresAt }
}

function takeBatchOptions({ sync, position }: BatchWriteOptions): BatchWriteOptions {
  return { sync, position }
}
