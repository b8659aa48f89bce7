/**
 * What: `db.export`: its options, read once and checked.
 */
import { takeOptions } from '../base/index.js'
import { BOUND_NAMES, readBounds, takeBounds } from '../commit/index.js'
import type { KeyBounds } from '../commit/index.js'
import { ALL_KEYS } from '../iterator/index.js'
import type { ReadView } from '../read/index.js'
import { checkShape, SHAPE_NAMES, takeShapeFields, takeStream } from '../transfer/index.js'
import type { ExportCall, ExportShape, ExportSink } from '../transfer/index.js'
import { checkLocation } from './location.js'
import { momentOf } from './read-options.js'
import type { Snapshot } from './read-options.js'
import { checkToolFields, takeToolFields, TOOL_OPTION_NAMES } from './tool-options.js'
import type { ToolOptions } from './tool-options.js'

/** Options of an export. */
export interface ExportOptions extends ExportShape, ToolOptions {
  /** Only the keys of this range. */
  range?: KeyBounds | undefined
  /** Exports this moment instead of the present. */
  snapshot?: Snapshot | undefined
}

const NAMES = [...SHAPE_NAMES, ...TOOL_OPTION_NAMES, 'range', 'snapshot']

/** Reads and checks the call. The sink is taken last: a call that is refused has not touched it. */
export function readExportCall(sink: ExportSink, options: ExportOptions, view: ReadView): ExportCall {
  const given = takeOptions('export', NAMES, options, takeFields)
  const { shape, maxAgeMs } = checkShape(given)
  const range = given.range === undefined ? ALL_KEYS : readBounds(given.range)
  const { state, seqNum, time } = momentOf({ snapshot: given.snapshot }, view)
  const tool = checkToolFields(given)
  try {
    return {
      sink: typeof sink === 'string' ? checkLocation(sink) : takeStream(sink), shape, maxAgeMs,
      walk: { range, reverse: false, limit: Infinity, state, seqNum, time }, ...tool,
    }
  } catch (error) {
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
