/**
 * What: which calls the channels `varve:read`, `varve:write` and `varve:job` hear of, and what of their arguments.
 * What none of them hears of, and why, stands in docs/monitoring.md.
 * Thread: main. No state.
 */
import { bytesLength } from '../base/index.js'
import type { Bytes } from '../base/index.js'
import type { CallContext, TracedMethod } from '../stats/index.js'

/** The length of what may be a key or a value; 0 for anything else, which the call itself will refuse. */
function lengthOf(data: unknown): number {
  return typeof data === 'string' || data instanceof Uint8Array ? bytesLength(data as Bytes) : 0
}

function ofKey(context: CallContext, key: unknown): void {
  context.keyBytes = lengthOf(key)
}

function ofEntry(context: CallContext, key: unknown, value: unknown): void {
  context.keyBytes = lengthOf(key)
  context.valueBytes = lengthOf(value)
}

function ofList(context: CallContext, list: unknown): void {
  if (Array.isArray(list)) context.count = list.length
}

function noteValue(context: CallContext, value: unknown): void {
  if (value !== undefined) context.valueBytes = lengthOf(value)
}

function noteEntry(context: CallContext, entry: unknown): void {
  noteValue(context, (entry as { value?: unknown } | undefined)?.value)
}

function noteValues(context: CallContext, values: unknown): void {
  context.valueBytes = (values as unknown[]).reduce<number>((sum, value) => sum + lengthOf(value), 0)
}

/** Adds the form of each method whose name ends in Sync. */
function withSync(methods: Record<string, TracedMethod>): Record<string, TracedMethod> {
  const blocking = Object.entries(methods).map(([name, method]) => [`${name}Sync`, method])
  return { ...methods, ...(Object.fromEntries(blocking) as Record<string, TracedMethod>) }
}

/** Reads. Walks over ranges are not among them: they go on for as long as their caller likes. */
export const TRACED_READS: Record<string, TracedMethod> = {
  ...withSync({
    get: { op: 'get', describe: ofKey, note: noteValue },
    has: { op: 'has', describe: ofKey },
    entry: { op: 'entry', describe: ofKey, note: noteEntry },
    getMany: { op: 'getMany', describe: ofList, note: noteValues },
  }),
  getStream: { op: 'getStream', describe: ofKey },
}

/** Reads of views, whose keys and values are of any type: how many bytes they are only their codecs know. */
export const TRACED_VIEW_READS: Record<string, TracedMethod> = withSync({
  get: { op: 'get' },
  has: { op: 'has' },
  entry: { op: 'entry' },
  getMany: { op: 'getMany', describe: ofList },
})

/** Writes. Those of a view are heard of as the database's, which they become. */
export const TRACED_WRITES: Record<string, TracedMethod> = {
  ...withSync({
    put: { op: 'put', describe: ofEntry },
    del: { op: 'del', describe: ofKey },
    touch: { op: 'touch', describe: ofKey },
    batch: { op: 'batch', describe: ofList },
    delRange: { op: 'delRange' },
  }),
  putStream: { op: 'putStream', describe: ofKey },
  clear: { op: 'clear' },
  sync: { op: 'sync' },
  flush: { op: 'flush' },
}

/** Calls of an open database that may take long. */
export const TRACED_JOBS: readonly string[] = [
  'compact', 'collectGarbage', 'ingest', 'load', 'export', 'checkpoint', 'scrub', 'heal', 'refresh', 'resume', 'close',
]

/** Calls of the class, about a directory or a database, which is their first argument. */
export const TRACED_CLASS_JOBS: readonly string[] = ['open', 'backup']

/** Those about a directory in which no database need be open. */
export const TRACED_TOOLS: readonly string[] = [
  'verify', 'heal', 'repair', 'checkpoint', 'backups', 'restore', 'import', 'destroy', 'forceUnlock',
]
