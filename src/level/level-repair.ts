/**
 * What: the repair of a VarveLevel: into a directory beside it, which then takes its place. The damaged one is kept
 * beside it, under a name that says when.
 * Thread: main. A crash between the two renames leaves both directories beside the place, complete.
 */
import { Varve } from '../api/index.js'
import type { RepairOptions, RepairReport } from '../api/index.js'
import { systemClock, VarveError } from '../base/index.js'
import { NodeVfs } from '../vfs/index.js'
import { LevelError, levelError } from './level-error.js'

export async function repairLevel(location: string, options: RepairOptions): Promise<RepairReport> {
  const { vfs = new NodeVfs() } = options
  try {
    const place = await realPlace(location, vfs)
    const [damaged, repaired] = ['damaged', 'repaired'].map((name) => `${place}.${name}.${systemClock.wallMs()}`) as
      [string, string]
    const report = await Varve.repair(place, repaired, { ...options, vfs })
    await vfs.rename(place, damaged)
    try {
      await vfs.rename(repaired, place)
    } catch (error) {
      await vfs.rename(damaged, place).catch(() => undefined) // the first error says more
      throw error
    }
    await vfs.syncDir(vfs.parent(place))
    return report
  } catch (error) {
    if (VarveError.is(error) && error.code === 'NOT_FOUND') throw noDirectory(location, error)
    throw levelError(error)
  }
}

async function realPlace(location: string, vfs: NonNullable<RepairOptions['vfs']>): Promise<string> {
  try {
    return await vfs.realPath(location)
  } catch (error) {
    throw (error as { code?: unknown }).code === 'ENOENT' ? noDirectory(location, error) : error
  }
}

/** What ClassicLevel says. */
function noDirectory(location: string, cause: unknown): LevelError {
  return new LevelError('LEVEL_IO_ERROR', `IO error: ${location}: No such file or directory`, cause)
}
