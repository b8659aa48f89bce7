/**
 * What: deletes the keys of a range: all of them by one range tombstone, or those that a walk sees, batch by batch.
 * A walk looks at keys alone: no value is copied, or read from where large ones are.
 * Thread: main. Memory: one batch.
 */
import { EntryKind, KiB, VarveError } from '../base/index.js'
import { tombstoneBounds, writeHow } from '../commit/index.js'
import type { Engine } from '../engine/index.js'
import type { KeyRange } from '../iterator/index.js'
import { Cursor } from '../read/index.js'
import type { CursorOptions, ReadView } from '../read/index.js'

/** Writes one range tombstone; nothing for a range that no key can be in. */
export function deleteRange(engine: Engine, range: KeyRange, sync: boolean): Promise<void> {
  const bounds = tombstoneBounds(range)
  const how = writeHow(sync)
  if (bounds !== null) return engine.pipeline.writeOne(EntryKind.rangeTombstone, bounds.lower, bounds.upper, how)
  engine.checkWritable()
  return Promise.resolve()
}

/** Writes as `deleteRange` does; done when it returns. */
export function deleteRangeSync(engine: Engine, range: KeyRange, sync: boolean): void {
  const bounds = tombstoneBounds(range)
  if (bounds === null) engine.checkWritable()
  else engine.pipeline.writeOneSync(EntryKind.rangeTombstone, bounds.lower, bounds.upper, writeHow(sync))
}

interface DelOperation {
  type: 'del'
  key: Uint8Array
}

const BATCH_COUNT = 1000
const BATCH_KEY_BYTES = 256 * KiB

/** Deletes every key that `options` sees when it is called; `write` resolves when a batch is in the log. */
export async function clearKeys(
  view: ReadView, options: CursorOptions, write: (operations: DelOperation[]) => Promise<void>,
): Promise<void> {
  const cursor = new Cursor(view, { ...options, pauses: true })
  const { turns } = view
  try {
    for (;;) {
      const batch = nextBatch(cursor)
      if (batch.length > 0) await write(batch)
      else if (!cursor.isPaused) break
      if (turns.isOverNow()) await turns.next()
    }
    if (cursor.wasCut) throw new VarveError('CLOSED', 'the database was closed during clear')
  } finally {
    cursor.close()
  }
}

function nextBatch(cursor: Cursor): DelOperation[] {
  const operations: DelOperation[] = []
  let bytes = 0
  while (operations.length < BATCH_COUNT && bytes < BATCH_KEY_BYTES && cursor.next()) {
    const key = cursor.key()
    bytes += key.length
    operations.push({ type: 'del', key })
  }
  return operations
}
