/**
 * What: `Varve.import`: its options, read once and checked.
 */
import { invalidArgument, keepAliveUntil, takeOptions, takeSource } from '../base/index.js'
import { resolveOptions } from '../engine/index.js'
import type { VarveOptions } from '../engine/index.js'
import { BLOCK_BYTES_DEFAULT } from '../sstable/index.js'
import { checkPlan, IMPORT_NAMES, takeImportFields } from '../transfer/index.js'
import type { ImportReport, ImportShape, ImportSource } from '../transfer/index.js'
import { NodeVfs } from '../vfs/index.js'
import { checkLocation, diskError } from './location.js'
import { checkToolFields, takeToolFields, TOOL_OPTION_NAMES } from './tool-options.js'
import type { ToolOptions } from './tool-options.js'
import { useTools } from './use-tools.js'

/** Options of an import. */
export interface ImportOptions extends ImportShape, ToolOptions {
  /** The database is opened, or made, with these. */
  open?: VarveOptions | undefined
}

const NAMES = [...IMPORT_NAMES, ...TOOL_OPTION_NAMES, 'open']

/** Checks the call, and imports. */
export async function runImport(
  location: string, source: ImportSource, options: ImportOptions = {},
): Promise<ImportReport> {
  const path = checkLocation(location)
  const given = takeOptions('import', NAMES, options, (fields) => ({
    ...takeImportFields(fields), ...takeToolFields(fields), open: fields.open,
  }))
  const plan = checkPlan(given)
  const resolved = resolveOptions(given.open, BLOCK_BYTES_DEFAULT)
  if (resolved.readOnly) throw invalidArgument('an import cannot open its target with readOnly: true')
  const vfs = resolved.vfs ?? new NodeVfs()
  const from = typeof source === 'string' ? checkLocation(source) : takeSource(source)
  const call = { source: from, plan, options: resolved, vfs, ...checkToolFields(given) }
  try {
    return await keepAliveUntil(resolved.clock, useTools(call.abort, (tools) => tools.importDatabase(path, call)))
  } catch (error) {
    throw diskError(error, 'import', path)
  }
}
