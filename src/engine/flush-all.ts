/**
 * What: a flush that a caller asked for: everything written so far gets into tables. The last one, at a close, ends
 * writing first, so that no log has to be made for more.
 * Thread: main.
 */
import { VarveError } from '../base/index.js'
import type { EngineCore } from './engine-core.js'

/** Resolves when everything written before the call stands in synced tables. */
export function flushAll(engine: EngineCore): Promise<void> {
  return flushBehind(engine, () => rotateIfUsed(engine))
}

/** Flushes as `flushAll` does, and from some moment of it on nothing more is written. */
export function flushLast(engine: EngineCore): Promise<void> {
  return flushBehind(engine, () => {
    refuseWrites(engine)
    if (engine.pipeline.current.isUsed) engine.pipeline.rotate(engine.buffers.takeLast())
  })
}

export function refuseWrites(engine: EngineCore): void {
  engine.isClosing = true
  engine.pipeline.waiting.rejectAll(new VarveError('CLOSED', 'the database was closed before this was written'))
}

async function flushBehind(engine: EngineCore, rotate: () => Promise<void> | void): Promise<void> {
  engine.checkWritable()
  await engine.pipeline.settled()
  await engine.stalls.going() // each call adds a table: a loop of calls must not outrun compactions
  await rotate()
  await engine.flusher.whenReleased()
  await engine.heldEdits.whenSettled()
}

export async function rotateIfUsed(engine: EngineCore): Promise<void> {
  const { pipeline, buffers, stalls } = engine
  for (;;) {
    while (stalls.isBarred) await stalls.noBarrier()
    if (!pipeline.current.isUsed) return
    const next = buffers.take()
    if (next !== null) {
      pipeline.rotate(next)
      return
    }
    await buffers.prepared()
    engine.checkWritable()
  }
}
