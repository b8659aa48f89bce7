/**
 * What: heals an open database: its files are replaced under its readers, which open the new ones with their next read.
 * Thread: main.
 */
import { VarveError } from '../base/index.js'
import type { Engine } from '../engine/index.js'
import { findBackups, healFiles } from './heal.js'
import type { HealReport } from './heal.js'

/** A heal, its options checked. */
export interface HealOpenCall extends OperationEnds {
  from: readonly string[]
  bytesPerSecond: number
}

type OperationEnds = Pick<Parameters<Engine['operations']['run']>[0], 'abort' | 'onProgress'>

/** Heals as `healDirectory` does. Rejects with NOT_SUPPORTED where a file that is open cannot be replaced. */
export async function healOpen(engine: Engine, call: HealOpenCall): Promise<HealReport> {
  const { setup: { vfs, dir, tables }, clock, compactor, health } = engine
  if ((globalThis as { process?: { platform?: string } }).process?.platform === 'win32') {
    throw new VarveError('NOT_SUPPORTED', 'here a file that is open cannot be replaced', {
      hint: 'close the database, then `varve heal`',
    })
  }
  const from = await findBackups(call.from, await vfs.realPath(dir), vfs)
  return engine.operations.run({ kind: 'heal', abort: call.abort, onProgress: call.onProgress }, async (operation) => {
    const report = await healFiles(dir, { vfs, backups: vfs, clock }, {
      from, bytesPerSecond: call.bytesPerSecond, progress: operation.progress,
      check: () => operation.check(),
    }, ({ kind, facts: { fileNum } }) => {
      if (kind === 'table') tables.renewFile(fileNum)
      else tables.valueLogs.renewFile(fileNum)
      compactor.leftAlone.forget(fileNum)
    })
    if (report.ok) health.recoverFrom('scrub')
    compactor.schedule()
    return report
  })
}
