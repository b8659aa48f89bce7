/**
 * What: the options of verify, and their check.
 */
import { checkChoice, invalidArgument, keepAliveUntil, systemClock, takeOptions, VarveError } from '../base/index.js'
import { ProgressMeter } from '../report/index.js'
import type { Problem } from '../report/index.js'
import { VERIFY_LEVELS } from '../verify/index.js'
import type { VerifyLevel, VerifyReport } from '../verify/index.js'
import { NodeVfs } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { checkLocation, diskError } from './location.js'
import { checkToolFields, takeToolFields, TOOL_OPTION_NAMES } from './tool-options.js'
import type { ToolOptions } from './tool-options.js'
import { useTools } from './use-tools.js'

/** Options of `Varve.verify`. */
export interface VerifyOptions extends ToolOptions {
  /** How much is read; default 'full'. */
  level?: VerifyLevel | undefined
  /**
   * Reads tables and value logs from the disk itself, past the caches of the system, where it can: the caches may hold
   * good bytes of a bad disk. The report's `isDirect` says whether it could. Default false.
   */
  direct?: boolean | undefined
  /** Hears of each problem that the report has, before the call resolves. What it throws ends the call. */
  onProblem?: ((problem: Problem) => void) | undefined
  /** The file system that the directory is on; default that of the platform. */
  vfs?: Vfs | undefined
}

const NAMES = [...TOOL_OPTION_NAMES, 'level', 'direct', 'onProblem', 'vfs']

/** Checks the options, and verifies. */
export async function verifyAt(location: unknown, options: VerifyOptions): Promise<VerifyReport> {
  const path = checkLocation(location)
  const given = takeOptions('verify', NAMES, options, (from) => {
    const { level = 'full', direct = false, onProblem, vfs } = from
    return { level, direct, onProblem, vfs, tool: takeToolFields(from) }
  })
  const { level, direct, onProblem, vfs = new NodeVfs() } = given
  checkChoice(level, 'level', VERIFY_LEVELS)
  if (typeof direct !== 'boolean') throw invalidArgument('option direct must be true or false')
  if (onProblem !== undefined && typeof onProblem !== 'function') {
    throw invalidArgument('option onProblem must be a function')
  }
  if (!vfs.hasSyncIo) throw new VarveError('NOT_SUPPORTED', 'this file system cannot read without waiting')
  const { abort, onProgress, bytesPerSecond } = checkToolFields(given.tool)
  const progress = new ProgressMeter(systemClock, onProgress)
  const call = { level, direct, onProblem, bytesPerSecond, progress, check: () => abort?.check() }
  try {
    const verified = useTools(abort, (tools) => tools.verifyDirectory(path, { vfs, clock: systemClock }, call))
    return await keepAliveUntil(systemClock, verified)
  } catch (error) {
    throw diskError(error, 'verify', path)
  } finally {
    abort?.end()
  }
}
