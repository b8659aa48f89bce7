/**
 * What: what a command does that meets damage on its way: what stands before it is printed, and the exit code says so.
 */
import { VarveError } from '../../base/index.js'
import { EXIT_DAMAGE } from '../command.js'
import type { CommandContext } from '../kit/index.js'

const DAMAGE = new Set(['CORRUPTION', 'MISSING_FILE', 'IO_ERROR'])

/** Runs a walk; an error of a file ends it with exit code 3, behind what was printed. */
export async function untilDamage(context: CommandContext, walk: () => Promise<number>): Promise<number> {
  try {
    return await walk()
  } catch (error) {
    if (!VarveError.is(error) || !DAMAGE.has(error.code) || error.file === undefined) throw error
    context.reportError(error)
    return EXIT_DAMAGE
  }
}
