/**
 * What: compares the database with the input, byte for byte. Throws at the first difference.
 */
import type { Varve } from '../../api/index.js'
import { compareBytes } from '../../base/index.js'
import { readContentSync, recordAt } from './input.js'
import type { Input } from './input.js'

/**
 * Checks that every acknowledged record is there with its right content, and nothing else but the records next in
 * order: those were under way when the process died. Returns how many records there are.
 */
export async function proveAcknowledged(
  db: Varve, input: Input, acknowledged: ReadonlySet<number>,
): Promise<number> {
  let presentCount = 0
  for await (const _ of db.keys()) presentCount++
  for (let index = 0; index < presentCount; index++) await checkRecord(db, input, index)
  for (const index of acknowledged) {
    if (index < presentCount) continue
    throw new Error(`lost: record ${index}, '${recordAt(input, index).key}', was acknowledged`)
  }
  return presentCount
}

/** Checks that the first `count` records are there and nothing else. Reads in key order, as a scan gives them. */
export async function checkAll(db: Varve, input: Input, count: number): Promise<void> {
  const indexes = new Map<string, number>()
  for (let index = 0; index < count; index++) indexes.set(recordAt(input, index).key, index)
  const decoder = new TextDecoder()
  for await (const [keyBytes, value] of db.entries()) {
    const key = decoder.decode(keyBytes)
    const index = indexes.get(key)
    if (index === undefined) throw new Error(`a record that nobody wrote: '${key}'`)
    indexes.delete(key)
    compare(value, input, index)
  }
  const [missing] = indexes.keys()
  if (missing !== undefined) throw new Error(`${indexes.size} records are missing, first '${missing}'`)
}

async function checkRecord(db: Varve, input: Input, index: number): Promise<void> {
  const { key } = recordAt(input, index)
  const value = await db.get(key)
  if (value === undefined) throw new Error(`a hole: record ${index}, '${key}', is missing, later ones are there`)
  compare(value, input, index)
}

function compare(value: Uint8Array, input: Input, index: number): void {
  const record = recordAt(input, index)
  const content = readContentSync(input, record)
  if (compareBytes(value, content) !== 0) {
    throw new Error(`wrong content: '${record.key}' has ${value.length} bytes, the file ${content.length}`)
  }
}
