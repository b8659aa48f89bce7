/**
 * What: the options of a repair, checked.
 */
import { invalidArgument, keepAliveUntil, systemClock, takeOptions } from '../base/index.js'
import type { RepairReport } from '../repair/index.js'
import { NodeVfs } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { checkLocation } from './location.js'
import { checkToolFields, takeToolFields, TOOL_OPTION_NAMES } from './tool-options.js'
import type { ToolOptions } from './tool-options.js'
import { useTools } from './use-tools.js'

/** Options of `Varve.repair`. */
export interface RepairOptions extends ToolOptions {
  /**
   * What is done with logs behind their first damage. `prefix`, the default: it is left. `salvage`: what is whole there
   * goes to `salvaged/entries.varve`. It is served in neither case: history has no hole.
   */
  logs?: 'prefix' | 'salvage' | undefined
  /** True to serve entries that something lost may have replaced or deleted. Default false: they stand aside. */
  serveDoubtful?: boolean | undefined
  /** The file system; by default that of the platform. */
  vfs?: Vfs | undefined
}

const NAMES = [...TOOL_OPTION_NAMES, 'logs', 'serveDoubtful', 'vfs'] as const

export async function repair(location: string, target: string, options: RepairOptions): Promise<RepairReport> {
  const source = checkLocation(location)
  checkLocation(target)
  const given = takeOptions('repair', NAMES, options, (one) => {
    const { logs = 'prefix', serveDoubtful = false, vfs } = one
    return { logs, serveDoubtful, vfs, ...takeToolFields(one) }
  })
  const { logs, serveDoubtful, vfs = new NodeVfs() } = given
  if (logs !== 'prefix' && logs !== 'salvage') throw invalidArgument("option logs must be 'prefix' or 'salvage'")
  if (typeof serveDoubtful !== 'boolean') throw invalidArgument('option serveDoubtful must be true or false')
  const call = checkToolFields(given)
  try {
    const plan = { ...call, vfs, source, target, logs, servesDoubtful: serveDoubtful }
    return await keepAliveUntil(systemClock, useTools(call.abort, ({ repairDirectory }) => repairDirectory(plan)))
  } finally {
    call.abort?.end()
  }
}
