/**
 * What: heals an open database: its files are replaced under its readers, which open the new ones with their next read.
 * Thread: main.
 * Invariants: HOLD-1 a file that is being replaced is not removed meanwhile: the new one would stay under its name.
 */
import { VarveError } from '../base/index.js'
import { syncNames } from '../engine/index.js'
import type { Engine } from '../engine/index.js'
import type { ListedFile } from '../tables/index.js'
import { findBackups, healFiles } from './heal.js'
import type { FileOwner, HealReport } from './heal.js'
import { isListed } from './listed-files.js'

/** A heal, its options checked. */
export interface HealOpenCall extends OperationEnds {
  from: readonly string[]
  bytesPerSecond: number
}

type OperationEnds = Pick<Parameters<Engine['operations']['run']>[0], 'abort' | 'onProgress'>

/** Heals as `healDirectory` does. Rejects with NOT_SUPPORTED where a file that is open cannot be replaced. */
export async function healOpen(engine: Engine, call: HealOpenCall): Promise<HealReport> {
  const { setup: { vfs, dir }, clock, compactor, health } = engine
  return engine.operations.run({ kind: 'heal', abort: call.abort, onProgress: call.onProgress }, async (operation) => {
    if ((globalThis as { process?: { platform?: string } }).process?.platform === 'win32') {
      throw new VarveError('NOT_SUPPORTED', 'here a file that is open cannot be replaced', {
        hint: 'close the database, then `varve heal`',
      })
    }
    const from = await findBackups(call.from, await vfs.realPath(dir), vfs)
    const report = await healFiles(dir, { vfs, backups: vfs, clock, owner: ownerOf(engine) }, {
      from, bytesPerSecond: call.bytesPerSecond, progress: operation.progress,
      check: () => operation.check(),
    })
    if (report.ok) health.recoverFrom('scrub')
    compactor.schedule()
    return report
  })
}

function ownerOf(engine: Engine): FileOwner {
  const { setup: { tables }, compactor, holds } = engine
  return {
    hold: (file) => (isNeeded(engine, file) ? holds.hold('heal', [file.facts.fileNum]) : null),
    onHealed({ kind, facts: { fileNum } }) {
      if (kind === 'table') tables.renewFile(fileNum)
      else tables.valueLogs.renewFile(fileNum)
      compactor.leftAlone.forget(fileNum)
    },
    syncNames: () => syncNames(engine),
  }
}

/** True while the database needs the file, so that nobody has given it away to be removed. */
function isNeeded({ versions, openLogs, setup: { tables } }: Engine, file: ListedFile): boolean {
  const { kind, facts: { fileNum } } = file
  if (isListed(versions.current, file)) return true
  if (kind === 'log') return openLogs.has(fileNum)
  return kind === 'vlog' && tables.valueLogs.pendingLogs.some((pending) => pending.fileNum === fileNum)
}
