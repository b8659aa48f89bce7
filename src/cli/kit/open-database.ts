/**
 * What: opens a database for one command and closes it again: to look at it, which works beside a writer and changes
 * nothing, or to change it, which needs the lock.
 */
import { Varve } from '../../api/index.js'
import type { VarveOptions } from '../../api/index.js'
import { VarveError } from '../../base/index.js'

/** Shows what the directory holds at this moment. Takes no lock, writes nothing. */
export async function withReader<T>(
  dir: string, use: (db: Varve) => Promise<T>, options: VarveOptions = {},
): Promise<T> {
  return useAndClose(await Varve.open(dir, { ...options, readOnly: true }), use)
}

/**
 * Opens a database that is there. `nevertheless` says what works while another process has it, for the hint of LOCKED:
 * `varve stats shows it`.
 */
export async function withWriter<T>(
  dir: string, nevertheless: string, use: (db: Varve) => Promise<T>, options: VarveOptions = {},
): Promise<T> {
  const db = await lockedAs(nevertheless, () => Varve.open(dir, { ...options, createIfMissing: false }))
  return useAndClose(db, use)
}

/** Adds to the hint of LOCKED what works nevertheless. */
export async function lockedAs<T>(nevertheless: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    if (!VarveError.is(error) || error.code !== 'LOCKED') throw error
    const hint = [error.hint, `while it is open, ${nevertheless}`].filter((each) => each !== undefined).join('; ')
    throw new VarveError('LOCKED', error.message, { cause: error.cause, hint })
  }
}

/** Closes the database whatever comes; an error of the use is told, not one of the close after it. */
async function useAndClose<T>(db: Varve, use: (db: Varve) => Promise<T>): Promise<T> {
  let result: T
  try {
    result = await use(db)
  } catch (error) {
    await db.close().catch(() => undefined)
    throw error
  }
  await db.close()
  return result
}
