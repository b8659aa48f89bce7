/**
 * What: `db.export`: its options, read once and checked, and the cursor that keeps the moment of the call.
 */
import { keepAliveUntil, takeOptions } from '../base/index.js'
import { BOUND_NAMES, readBounds, takeBounds } from '../commit/index.js'
import type { KeyBounds } from '../commit/index.js'
import { ALL_KEYS } from '../iterator/index.js'
import { Cursor } from '../read/index.js'
import type { ReadView } from '../read/index.js'
import { checkShape, SHAPE_NAMES, takeShapeFields, takeStream } from '../transfer/index.js'
import type { ExportCall, ExportReport, ExportShape, ExportSink } from '../transfer/index.js'
import { checkLocation } from './location.js'
import { momentOf } from './read-options.js'
import type { Snapshot } from './read-options.js'
import { checkToolFields, takeToolFields, TOOL_OPTION_NAMES } from './tool-options.js'
import type { ToolOptions } from './tool-options.js'
import { useTools } from './use-tools.js'

/** Options of an export. */
export interface ExportOptions extends ExportShape, ToolOptions {
  /** Only the keys of this range. */
  range?: KeyBounds | undefined
  /** Exports this moment instead of the present. */
  snapshot?: Snapshot | undefined
}

const NAMES = [...SHAPE_NAMES, ...TOOL_OPTION_NAMES, 'range', 'snapshot']

/** Checks the call, and exports. */
export async function runExport(
  view: ReadView, sink: ExportSink, options: ExportOptions,
): Promise<ExportReport> {
  const call = readExportCall(sink, options, view)
  try {
    return await keepAliveUntil(view.clock, useTools(call.abort, ({ exportEntries }) => exportEntries(view, call)))
  } catch (error) {
    // For an export that did not begin: else it has done so itself.
    call.cursor.close()
    if (typeof call.sink !== 'string') await call.sink.abandon(error)
    throw error
  }
}

/** Reads and checks the call. The sink is taken last: a call that is refused has not touched it. */
function readExportCall(sink: ExportSink, options: ExportOptions, view: ReadView): ExportCall {
  const given = takeOptions('export', NAMES, options, takeFields)
  const { shape, maxAgeMs } = checkShape(given)
  const range = given.range === undefined ? ALL_KEYS : readBounds(given.range)
  const { state, seqNum, time } = momentOf({ snapshot: given.snapshot }, view)
  const tool = checkToolFields(given)
  let cursor: Cursor | null = null
  try {
    // At once: nothing else holds the state that was looked at, and old versions that only it sees.
    const all = { reverse: false, limit: Infinity, pauses: true, staysOpen: true }
    cursor = new Cursor(view, { range, state, seqNum, time, ...all })
    const taken = typeof sink === 'string' ? checkLocation(sink) : takeStream(sink)
    return { sink: taken, shape, maxAgeMs, cursor, ...tool }
  } catch (error) {
    cursor?.close()
    tool.abort?.end()
    throw error
  }
}

function takeFields(options: ExportOptions): ExportOptions {
  const { range, snapshot } = options
  return {
    ...takeShapeFields(options), ...takeToolFields(options), snapshot,
    range: range === undefined ? undefined : takeOptions('range', BOUND_NAMES, range, takeBounds),
  }
}
