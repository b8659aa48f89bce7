/**
 * What: ClassicLevel's option `multithreading`, within one thread: handles that give the same location
 * share one open database. The first handle's options count. Handles of two builds of the same sources share too:
 * a handle reads inside the database, so other versions of this package are left alone, and find it locked.
 * Owns: which databases are shared, and by how many handles; the last one closes. Thread: each its own.
 */
import { Varve } from '../api/index.js'
import { processShared } from '../base/index.js'
import type { VarveOptions } from '../engine/index.js'
import { sourceId } from '../exec/index.js'

interface SharedDatabase {
  opening: Promise<Varve>
  users: number
  /** Set when the last user closes; the next one waits for it. */
  closing: Promise<void> | null
}

/** Shared databases by location, one map for each file system. */
class Places {
  readonly ofPlatform = new Map<string, SharedDatabase>()
  readonly ofOthers = new WeakMap<object, Map<string, SharedDatabase>>()
}

function databasesOf(options: VarveOptions): Map<string, SharedDatabase> {
  const { ofPlatform, ofOthers } = processShared(`level.places ${sourceId}`, () => new Places())
  const fileSystem = options.components?.vfs
  if (fileSystem === undefined) return ofPlatform
  const databases = ofOthers.get(fileSystem) ?? new Map<string, SharedDatabase>()
  ofOthers.set(fileSystem, databases)
  return databases
}

/** A handle's access to its database, which it has alone or shares. */
export interface OpenedDatabase {
  readonly db: Varve
  close(): Promise<void>
}

export async function openAlone(location: string, options: VarveOptions): Promise<OpenedDatabase> {
  const db = await Varve.open(location, options)
  return { db, close: () => db.close() }
}

export async function openShared(location: string, options: VarveOptions): Promise<OpenedDatabase> {
  const databases = databasesOf(options)
  let shared = databases.get(location)
  while (shared !== undefined && shared.closing !== null) {
    await shared.closing.catch(() => undefined) // the handle that closes reports it
    shared = databases.get(location)
  }
  if (shared === undefined) {
    shared = { opening: Varve.open(location, options), users: 0, closing: null }
    databases.set(location, shared)
  }
  const mine = shared
  mine.users++
  try {
    const db = await mine.opening
    return { db, close: () => leave(databases, location, mine, db) }
  } catch (error) {
    if (databases.get(location) === mine) databases.delete(location)
    throw error
  }
}

async function leave(
  databases: Map<string, SharedDatabase>, location: string, shared: SharedDatabase, db: Varve,
): Promise<void> {
  if (--shared.users > 0) return
  shared.closing = db.close().finally(() => databases.delete(location))
  await shared.closing
}
