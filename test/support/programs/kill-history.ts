/**
 * What: a history that is cut short: four writers in flight, each batch with a record of its own and a set of keys that
 * only whole batches change. `checkHistory` finds lost batches and half ones.
 */
import type { BatchOp, Varve } from '../../../src/index.js'

const WRITERS = [1, 2, 3, 4]
/** The last writer uses the Sync calls. */
const SYNC_WRITER = 4

/** Gives the number of keys that batch `i` of a writer sets, besides its own record. */
function keyCount(writer: number, i: number): number {
  return 1 + ((i * 7 + writer) % 5)
}

function batchOf(round: number, writer: number, i: number): { name: string; operations: BatchOp[] } {
  const name = `${round}.${writer}.${i}`
  const operations: BatchOp[] = []
  for (let j = 0; j < keyCount(writer, i); j++) {
    operations.push({ type: 'put', key: `w${writer}.${j}`, value: `${name}:${'x'.repeat((i * 37) % 900)}` })
  }
  operations.push({ type: 'put', key: `batch ${name}`, value: name })
  return { name, operations }
}

/** Writes until `goesOn` says no, or until it is killed; reports each acknowledged batch. */
export async function writeHistory(
  db: Varve, round: number, acknowledge: (name: string) => void, goesOn: (i: number) => boolean,
): Promise<void> {
  const run = async (writer: number): Promise<void> => {
    for (let i = 0; goesOn(i); i++) {
      const { name, operations } = batchOf(round, writer, i)
      if (writer === SYNC_WRITER) db.batchSync(operations)
      else await db.batch(operations, { sync: i % 20 === 0 })
      acknowledge(name)
      if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await Promise.all(WRITERS.map(run))
}

/** Lists what is wrong: acknowledged batches that are gone, and batches of which only a part is there. */
export function checkHistory(db: Varve, acknowledged: Iterable<string>): string[] {
  const problems: string[] = []
  const text = (key: string) => {
    const value = db.getSync(key)
    return value === undefined ? undefined : new TextDecoder().decode(value)
  }
  for (const name of acknowledged) if (text(`batch ${name}`) !== name) problems.push(`${name} is lost`)
  for (const writer of WRITERS) {
    const newest = text(`w${writer}.0`)?.split(':')[0]
    if (newest === undefined) continue
    if (text(`batch ${newest}`) !== newest) problems.push(`${newest} is there by half: no record`)
    const count = keyCount(writer, Number(newest.split('.')[2]))
    for (let j = 0; j < count; j++) {
      const other = text(`w${writer}.${j}`)?.split(':')[0]
      if (other !== newest) problems.push(`${newest} is there by half: key ${j} is of ${other}`)
    }
  }
  return problems
}
