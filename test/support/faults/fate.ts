/**
 * A life of a database whose directory meets a fate before one of its calls of the file system: removed, moved,
 * replaced, closed, full. Another owner of the path then keeps every byte, and what was acknowledged is where the
 * directory went.
 */
import assert from 'node:assert/strict'
import { Varve, VarveError } from '../../../src/index.js'
import type { Vfs, VfsFile, VfsLock } from '../../../src/index.js'
import { systemClock } from '../../../src/base/index.js'
import type { Clock } from '../../../src/base/index.js'
import { FileSystemError } from '../../../src/testing.js'
import { SMALL } from '../databases/databases.js'

/** A file system where lives happen: a directory `root` with the database in `root/db`. */
export interface FateWorld {
  readonly vfs: Vfs
  readonly root: string
  /** True when a holder reaches the directory it locked by another way than its path. */
  readonly hasPlace: boolean
  removeTree(path: string): void
  emptyTree(path: string): void
  copyTree(from: string, to: string): void
  move(from: string, to: string): void
  makeEmpty(path: string): void
  removeLocks(path: string): void
  /** Gives names and contents below a path; null when it is not there. */
  contentOf(path: string): string[] | null
  /** Counts what must be as before when a life has ended: open descriptors and the like. */
  leftOpen(): number
}

/** The effect of a fate on later calls: an errno for a call, or ''. */
export type Refusal = (call: FateCall) => string

export interface FateCall {
  /**
   * The name of the call without `Sync`; `open create`, `open write`, `open read`; `file.write` and so on; the lock's
   * `state`.
   */
  name: string
  isChange: boolean
}

export interface Fate {
  name: string
  /** Where the database is afterwards, below the root; null when it is nowhere. */
  goesTo: string | null
  /** True when its path is then taken by something that this life has not made. */
  isTaken: boolean
  act(world: FateWorld): Refusal | null
  needsPlace?: boolean
  /** True when the fate is over before the database is closed. */
  passes?: boolean
}

const DB = 'db'
const MOVED = 'moved'
/** The name of another database, made beforehand. */
const OTHER = 'other'

function at(world: FateWorld, name: string): string {
  return world.vfs.join(world.root, name)
}

/** Refuses calls of paths, not of open files. */
const refuseNames = (code: string): Refusal => ({ name }) => (name.startsWith('file.') ? '' : code)
const refuseChanges = (code: string): Refusal => ({ isChange }) => (isChange ? code : '')
/** Refuses some opens, then no more: a call that waits for a descriptor waits as long as it takes. */
function refuseOpens(code: string, count: number): Refusal {
  return ({ name }) => (name.startsWith('open ') && count-- > 0 ? code : '')
}

export const fates: readonly Fate[] = [
  {
    name: 'removed', goesTo: null, isTaken: false,
    act: (world) => (world.removeTree(at(world, DB)), null),
  },
  {
    name: 'emptied', goesTo: null, isTaken: false,
    act: (world) => (world.emptyTree(at(world, DB)), null),
  },
  {
    name: 'moved', goesTo: MOVED, isTaken: false,
    act: (world) => (world.move(at(world, DB), at(world, MOVED)), null),
  },
  {
    name: 'removed, an empty directory in its place', goesTo: null, isTaken: true,
    act: (world) => (world.removeTree(at(world, DB)), world.makeEmpty(at(world, DB)), null),
  },
  {
    name: 'moved, an empty directory in its place', goesTo: MOVED, isTaken: true,
    act: (world) => (world.move(at(world, DB), at(world, MOVED)), world.makeEmpty(at(world, DB)), null),
  },
  {
    name: 'removed, another database in its place', goesTo: null, isTaken: true,
    act: (world) => (world.removeTree(at(world, DB)), world.move(at(world, OTHER), at(world, DB)), null),
  },
  {
    name: 'moved, another database in its place', goesTo: MOVED, isTaken: true,
    act: (world) => (world.move(at(world, DB), at(world, MOVED)), world.move(at(world, OTHER), at(world, DB)), null),
  },
  {
    name: 'moved, a copy in its place', goesTo: MOVED, isTaken: true,
    act: (world) => {
      world.move(at(world, DB), at(world, MOVED))
      world.copyTree(at(world, MOVED), at(world, DB))
      return null
    },
  },
  {
    name: 'its lock removed', goesTo: DB, isTaken: false, needsPlace: true,
    act: (world) => (world.removeLocks(at(world, DB)), null),
  },
  ...[false, true].flatMap((passes): Fate[] => {
    const end = passes ? ', for a while' : ''
    return [
      { name: `closed to us${end}`, goesTo: DB, isTaken: false, passes, act: () => refuseNames('EACCES') },
      { name: `read-only${end}`, goesTo: DB, isTaken: false, passes, act: () => refuseChanges('EROFS') },
      { name: `full${end}`, goesTo: DB, isTaken: false, passes, act: () => refuseChanges('ENOSPC') },
    ]
  }),
  { name: 'without descriptors, for a while', goesTo: DB, isTaken: false, act: () => refuseOpens('EMFILE', 15) },
]

/** Clocks run this much faster, or a wait for a minute would take one. */
const HURRY = 50

const hurried: Clock = {
  ...systemClock,
  nowMs: () => systemClock.nowMs() * HURRY,
  after: (delayMs, callback) => systemClock.after(delayMs / HURRY, callback),
}

const NAME_CHANGES = new Set(['link', 'rename', 'unlink', 'mkdir', 'rmdir', 'open create', 'open write', 'syncDir'])
const FILE_CHANGES = new Set(['file.write', 'file.truncate'])
const CHECKED = NAME_CHANGES
/** The call that nothing guards: an empty directory can only be removed by its name. */
const UNGUARDED = 'rmdir'

/** Counts calls from the lock on, and lets the fate happen before one of them. */
class FateDoor {
  callCount = 0
  hasHappened = false
  private isArmed = false
  private refusal: Refusal | null = null
  private readonly world: FateWorld
  private readonly fate: Fate | null
  private readonly before: number
  onFate: () => void = () => undefined

  constructor(world: FateWorld, fate: Fate | null, before: number) {
    this.world = world
    this.fate = fate
    this.before = before
  }

  get vfs(): Vfs {
    return this.wrap(this.world.vfs, '') as Vfs
  }

  /** Ends the refusals. */
  pass(): void {
    this.refusal = null
  }

  private meet(name: string): void {
    if (!this.isArmed) return
    const call = { name, isChange: NAME_CHANGES.has(name) || FILE_CHANGES.has(name) }
    // A holder that goes by the path looks first and acts then; a fate between the two is one that it cannot see.
    if (this.world.hasPlace ? name !== UNGUARDED : !CHECKED.has(name)) {
      if (++this.callCount === this.before && this.fate !== null) {
        this.refusal = this.fate.act(this.world)
        this.hasHappened = true
        this.onFate()
      }
    }
    const code = this.refusal?.(call) ?? ''
    if (code !== '') throw new FileSystemError(code, name, '(refused)')
  }

  private wrap(target: object, prefix: string): object {
    return new Proxy(target, {
      get: (_, property) => {
        const value: unknown = Reflect.get(target, property, target)
        if (property === 'workerSpec') return null
        if (typeof value !== 'function') return value
        const name = prefix + String(property).replace(/Sync$/, '')
        if (UNCOUNTED.has(name)) return value.bind(target)
        if (name === 'lock') return async (dir: string) => this.wrapLock(await this.world.vfs.lock(dir))
        return (...args: unknown[]): unknown => {
          return this.call(name, String(property), () => Reflect.apply(value, target, args), args)
        }
      },
    })
  }

  private call(name: string, property: string, act: () => unknown, args: unknown[]): unknown {
    const isBlocking = property.endsWith('Sync')
    try {
      this.meet(name === 'open' ? `open ${String(args[1])}` : name)
      const result = act()
      if (name !== 'open') return result
      if (isBlocking) return this.wrap(result as VfsFile, 'file.')
      return (result as Promise<VfsFile>).then((file) => this.wrap(file, 'file.'))
    } catch (error) {
      if (isBlocking) throw error
      return Promise.reject(error as Error)
    }
  }

  private wrapLock(lock: VfsLock): VfsLock {
    this.isArmed = true
    return {
      generation: lock.generation,
      identity: lock.identity,
      place: lock.place,
      spec: null,
      stateSync: () => {
        this.meet('state')
        return lock.stateSync()
      },
      release: () => lock.release(),
      discard: () => lock.discard(),
    }
  }
}

const UNCOUNTED = new Set([
  'join', 'parent', 'realPath', 'forceUnlock', 'file.size', 'file.identity', 'file.close', 'freeBytes',
])

const VALUE = 'v'.repeat(3000)
/** The number of puts, which together fill more than one buffer. */
const PUTS = 30
const STEP_MS_MAX = 60_000

export interface LifeResult {
  callCount: number
}

const TOLD = new Set<string>([
  'LOCKED', 'IO_ERROR', 'NO_SPACE', 'COMMIT_UNKNOWN', 'MISSING_FILE', 'MISSING_MARKER', 'CLOSED', 'ABORTED',
])

/** Tells whether a call of a life may throw this when its directory met a fate. */
function isTold(error: unknown): boolean {
  if (!VarveError.is(error)) return error instanceof FileSystemError
  if (error.code === 'BACKGROUND_ERROR') return isTold(error.cause)
  return TOLD.has(error.code)
}

class Life {
  readonly acknowledged = new Set<string>()
  private readonly errors: unknown[] = []
  private count = 0

  /** Makes one call; its outcome is judged at once. */
  async attempt(what: string, step: () => unknown): Promise<boolean> {
    let timer: ReturnType<typeof setTimeout> | undefined
    const tooLong = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${what} never ends`)), STEP_MS_MAX)
    })
    try {
      await Promise.race([step(), tooLong])
      return true
    } catch (error) {
      this.errors.push(error)
      if (!isTold(error)) throw new Error(`${what} says ${String(error)}`, { cause: error })
      return false
    } finally {
      clearTimeout(timer)
    }
  }

  async put(db: Varve, sync: boolean): Promise<void> {
    const key = `key ${this.count++}`
    if (await this.attempt(`put ${key}`, () => db.put(key, VALUE, { sync }))) this.acknowledged.add(key)
  }

  putSync(db: Varve): void {
    const key = `key ${this.count++}`
    try {
      db.putSync(key, VALUE)
      this.acknowledged.add(key)
    } catch (error) {
      if (!isTold(error)) throw error
    }
  }

  async live(db: Varve): Promise<void> {
    for (let i = 0; i < PUTS; i++) await this.put(db, i % 10 === 0)
    this.putSync(db)
    await this.attempt('flush', () => db.flush())
    for (let i = 0; i < PUTS; i++) await this.put(db, i % 10 === 0)
    await this.attempt('sync', () => db.sync())
    await this.attempt('compact', () => db.compact())
    await this.put(db, true)
    await this.attempt('get', () => db.get('key 1'))
    await this.attempt('scan', () => [...db.keysSync()])
  }
}

/** Lives a life with its fate. With `before` 0 there is no fate; that tells how many calls there are. */
export async function liveWithFate(world: FateWorld, fate: Fate | null, before: number): Promise<LifeResult> {
  const { vfs } = world
  const path = at(world, DB)
  if (fate !== null) await makeOther(world)
  const openBefore = world.leftOpen()
  const door = new FateDoor(world, fate, before)
  const life = new Life()
  let atFate: { content: string[] | null; acknowledged: string[] } = { content: null, acknowledged: [] }
  door.onFate = () => {
    atFate = { content: world.contentOf(path), acknowledged: [...life.acknowledged] }
  }
  const options = { ...SMALL, workers: 0, components: { vfs: door.vfs, clock: hurried } }
  let db: Varve | null = null
  await life.attempt('open', async () => (db = await Varve.open(path, options)))
  if (db !== null) {
    await life.live(db)
    if (fate?.passes === true) door.pass()
    await life.attempt('close', () => (db as Varve).close())
  }
  door.pass()
  if (fate !== null && door.hasHappened) {
    if (fate.isTaken) assert.deepEqual(world.contentOf(path), atFate.content, 'whoever has the path is left alone')
    if (fate.goesTo !== null) await expectKeys(vfs, at(world, fate.goesTo), [...life.acknowledged])
    if (fate.name.includes('copy')) await expectKeys(vfs, path, atFate.acknowledged)
    if (fate.name.includes('another database')) await expectKeys(vfs, path, ['theirs'])
  }
  assert.equal(world.leftOpen(), openBefore, 'everything is let go of')
  return { callCount: door.callCount }
}

/** Lives as `liveWithFate` does, with a database that is destroyed. */
export async function destroyWithFate(world: FateWorld, fate: Fate | null, before: number): Promise<LifeResult> {
  const { vfs } = world
  const path = at(world, DB)
  if (fate !== null) await makeOther(world)
  const db = await Varve.open(path, { ...SMALL, workers: 0, flushOnClose: false, components: { vfs } })
  await db.put('in a table', VALUE)
  await db.flush()
  await db.put('in a log', VALUE)
  await db.close()
  const openBefore = world.leftOpen()
  const door = new FateDoor(world, fate, before)
  let content: string[] | null = null
  door.onFate = () => {
    content = world.contentOf(path)
  }
  await new Life().attempt('destroy', () => Varve.destroy(path, { vfs: door.vfs }))
  assert.equal(world.leftOpen(), openBefore, 'everything is let go of')
  if (fate !== null && door.hasHappened) {
    if (fate.isTaken) assert.deepEqual(world.contentOf(path), content, 'whoever has the path is left alone')
    else {
      const again = await Varve.destroy(path, { vfs }).then(() => 'NOT_FOUND', (error: VarveError) => error.code)
      assert.equal(again, 'NOT_FOUND', 'what was begun can be finished')
    }
  }
  return { callCount: door.callCount }
}

async function makeOther(world: FateWorld): Promise<void> {
  const other = await Varve.open(at(world, OTHER), { ...SMALL, workers: 0, components: { vfs: world.vfs } })
  await other.put('theirs', 'kept', { sync: true })
  await other.close()
}

/** Checks that the next process which opens the database finds these keys, and can write. */
async function expectKeys(vfs: Vfs, path: string, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return
  const db = await Varve.open(path, { ...SMALL, workers: 0, createIfMissing: false, components: { vfs } })
  try {
    const missing = keys.filter((key) => !db.hasSync(key))
    assert.deepEqual(missing, [], `in ${path}`)
    await db.put('next', 'x', { sync: true })
  } finally {
    await db.close()
  }
}
