/**
 * What: one call to a file system as data: fault rules match it, logs print it and hooks get it.
 */
import { parseFileName } from '../../base/index.js'

/** A kind of call to a file system. */
export type OpKind =
  | 'create' | 'open' | 'read' | 'write' | 'truncate' | 'sync' | 'dataSync' | 'close'
  | 'link' | 'rename' | 'unlink' | 'mkdir' | 'rmdir' | 'list' | 'stat' | 'syncDir' | 'freeBytes' | 'lock'

/** Calls that change the disk: what is in memory, or what is durable. */
const effectKinds: ReadonlySet<OpKind> = new Set<OpKind>([
  'create', 'write', 'truncate', 'sync', 'dataSync',
  'link', 'rename', 'unlink', 'mkdir', 'rmdir', 'syncDir',
])

/** One call to a file system. */
export interface FileOp {
  /** The kind of the call. */
  kind: OpKind
  /** The file or directory. */
  path: string
  /** The second path of link and rename. */
  to?: string
  /** The offset at which a read or write begins. */
  position?: number
  /** The bytes of a read or write: those that were transferred, once the call returned. */
  length?: number
  /** The size to which a file was cut. */
  size?: number
}

/** The class of a file, by its name; 'dir' is a directory itself. */
export type FileClass =
  | 'log' | 'table' | 'manifest' | 'vlog' | 'marker' | 'lock' | 'temp' | 'dir' | 'other'

export function isEffect(op: FileOp): boolean {
  return effectKinds.has(op.kind)
}

const directoryKinds: ReadonlySet<OpKind> =
  new Set<OpKind>(['mkdir', 'rmdir', 'list', 'syncDir', 'freeBytes'])

export function fileClassesOf(op: FileOp): FileClass[] {
  if (directoryKinds.has(op.kind)) return ['dir']
  const first = classOfName(op.path)
  return op.to === undefined ? [first] : [first, classOfName(op.to)]
}

function classOfName(path: string): FileClass {
  const kind = parseFileName(path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1))?.kind
  return kind === undefined ? 'other' : kind === 'probe' ? 'temp' : kind
}

/** Describes a call, for example `write 000003.wal 0+128` or `syncDir .`, with names relative to `dir`. */
export function opText(op: FileOp, dir = ''): string {
  let text = `${op.kind} ${relative(op.path, dir)}`
  if (op.to !== undefined) text += ` ${relative(op.to, dir)}`
  if (op.position !== undefined) text += ` ${op.position}+${op.length}`
  if (op.size !== undefined) text += ` ${op.size}`
  return text
}

function relative(path: string, dir: string): string {
  if (dir === '') return path
  if (path === dir) return '.'
  const prefix = dir.endsWith('/') ? dir : dir + '/'
  return path.startsWith(prefix) ? path.slice(prefix.length) : path
}
