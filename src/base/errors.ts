/**
 * What: the one error class of Varve and its stable codes.
 * Owns: the list of codes. Codes are API and never change meaning; messages are not API.
 * Thread: any.
 */

const brand = Symbol.for('varve.error')

/** Codes differ where the caller has to do different things; `docs/errors.md` has a line for each. */
export type ErrorCode =
  | 'INVALID_ARGUMENT' // mend the call; nothing happened
  | 'KEY_TOO_LARGE'
  | 'VALUE_TOO_LARGE'
  | 'BATCH_TOO_LARGE'
  | 'NOT_SUPPORTED' // this platform or this version cannot do it
  | 'NOT_FOUND' // open with createIfMissing: false, or not a Varve directory
  | 'ALREADY_EXISTS' // open with errorIfExists: true
  | 'CLOSED' // open again
  | 'SNAPSHOT_GONE' // what the snapshot saw has left by size; take a new one
  | 'LOCKED' // another process has the database; the message names it
  | 'BUSY' // wait and retry
  | 'SOURCE_FAILED' // not applied; where a streamed value came from failed, or gave more or fewer bytes than it said
  | 'CONFLICT' // a transaction lost; retry it
  | 'READ_ONLY' // opened read-only
  | 'BACKGROUND_ERROR' // an earlier failure stopped writes: see `cause`; resume() or reopen
  | 'NO_SPACE' // not applied; free some space, writes resume by themselves
  | 'COMMIT_UNKNOWN' // may or may not be there after a reopen
  | 'IO_ERROR' // not applied; the errno is in `cause`
  | 'CORRUPTION' // bytes are not what was written: file and offset are given
  | 'MISSING_FILE'
  | 'MISSING_MARKER'
  | 'UNSUPPORTED_FORMAT' // written by a newer Varve, or with an unknown required feature
  | 'ABORTED'
  | 'INTERNAL' // a bug in Varve

/** The facts that an error carries besides its message. */
export interface ErrorDetails {
  /** The error that caused this one. */
  cause?: unknown
  /** File name relative to the database directory. */
  file?: string
  /** Byte offset in `file`. */
  offset?: number
  /** What to do about the error, in words. */
  hint?: string
}

/** Every error that Varve throws or rejects with. Recognise it by `code`. */
export class VarveError extends Error {
  /** Tells what kind of error this is, and so what the caller can do about it. Codes are stable; messages are not. */
  readonly code: ErrorCode
  /** The file that the error is about, relative to the database directory. */
  declare readonly file: string | undefined
  /** Byte offset in `file`. */
  declare readonly offset: number | undefined
  /** What to do about the error, in words. */
  declare readonly hint: string | undefined

  /** Makes an error; meant for file systems and other components of your own. */
  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'VarveError'
    this.code = code
    // An absent detail makes no field, since printed errors would show it.
    if (details.file !== undefined) this.file = details.file
    if (details.offset !== undefined) this.offset = details.offset
    if (details.hint !== undefined) this.hint = details.hint
    Object.defineProperty(this, brand, { value: true })
  }

  /** True for a VarveError of any copy of this package. */
  static is(error: unknown): error is VarveError {
    return typeof error === 'object' && error !== null && (error as Record<symbol, unknown>)[brand] === true
  }

  /** Lets `instanceof VarveError` hold for errors of another copy of this package too; subclasses are not affected. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return this === VarveError ? VarveError.is(value) : Function.prototype[Symbol.hasInstance].call(this, value)
  }
}

export function invalidArgument(message: string, hint?: string): VarveError {
  return new VarveError('INVALID_ARGUMENT', message, hint === undefined ? {} : { hint })
}

/**
 * Gives what to throw when an argument could not be read. An error of Varve is given as it is; whatever else the
 * caller's own code threw (a getter, a proxy) becomes the cause.
 */
export function unreadableArgument(what: string, thrown: unknown): VarveError {
  try {
    if (VarveError.is(thrown)) return thrown
    const reason = thrown instanceof Error ? thrown.message : String(thrown)
    return new VarveError('INVALID_ARGUMENT', `${what} cannot be read: ${reason}`, { cause: thrown })
  } catch {
    return new VarveError('INVALID_ARGUMENT', `${what} cannot be read`, { cause: thrown })
  }
}

/** Makes the error for bad bytes. It is the only way to report them, so that file and offset are always given. */
export function corruption(file: string, offset: number, what: string, hint?: string): VarveError {
  return new VarveError('CORRUPTION', `${file} at offset ${offset}: ${what}`, {
    file,
    offset,
    hint: hint ?? 'take the file from a backup (varve heal does that); Varve did not change it',
  })
}

/** Makes the error for bytes with right checksums that this version does not know, since a newer one wrote them. */
export function unsupportedFormat(file: string, offset: number, what: string): VarveError {
  const message = `${file} at offset ${offset}: ${what}, which this version does not know`
  return new VarveError('UNSUPPORTED_FORMAT', message, {
    file, offset, hint: 'open it with a newer Varve; nothing was changed',
  })
}

/** The errno name of a file-system error (`ENOSPC`, `EIO`, …), or '' when it has none. */
export function errnoOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : ''
}

/** True when the disk, the quota or the file size limit is exhausted. That may pass by itself. */
export function isNoSpace(error: unknown): boolean {
  if (VarveError.is(error)) return error.code === 'NO_SPACE'
  const code = errnoOf(error)
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG'
}

/** True when the process or the machine has as many files open as it may. That may pass by itself. */
export function isOutOfFiles(error: unknown): boolean {
  while (VarveError.is(error)) error = error.cause
  const code = errnoOf(error)
  return code === 'EMFILE' || code === 'ENFILE'
}

/** How many files this process may have open, when that is known. */
let openFilesMax: () => number | undefined = () => undefined

/** Gives this module the platform's way to ask how many files the process may have open. */
export function tellOpenFilesMax(ask: () => number | undefined): void {
  openFilesMax = ask
}

/** Gives a hint about an error of the file system, where there is more to say than that it failed. */
function hintOf(error: unknown): ErrorDetails {
  switch (errnoOf(error)) {
    case 'EMFILE': {
      const max = openFilesMax()
      const limit = max === undefined ? 'the limit of this process is reached' : `this process may have ${max} open`
      return { hint: `${limit}: raise it (ulimit -n), set maxOpenFiles lower, or close something` }
    }
    case 'ENOSPC':
      return { hint: 'the disk is full: make room there' }
    case 'EDQUOT':
      return { hint: 'the quota of this user is used up: make room, or raise it' }
    case 'ENFILE':
      return { hint: 'the machine has as many files open as it may: raise its limit (sysctl fs.file-max)' }
    case 'EROFS':
      return { hint: 'the file system is mounted read-only: a database opens there with readOnly: true' }
    case 'EACCES':
    case 'EPERM':
      return { hint: 'this user may not do that: look at owner and mode; to read a database, readOnly: true will do' }
    case 'ERR_ACCESS_DENIED':
      return { hint: 'the permission model forbids it: docs/containers.md tells which flags are needed' }
    default:
      return {}
  }
}

/** Wraps what the file system threw. NO_SPACE and IO_ERROR both mean "not done". The message names `place`. */
export function ioError(error: unknown, operation: string, file: string, place = file): VarveError {
  if (VarveError.is(error)) return error
  const code = isNoSpace(error) ? 'NO_SPACE' : 'IO_ERROR'
  const reason = errnoOf(error) || String((error as Error)?.message ?? error)
  const why = isOutOfFiles(error) ? `${reason}, too many open files` : reason
  return new VarveError(code, `${operation} ${place} failed: ${why}`, { cause: error, file, ...hintOf(error) })
}

/** The `file` of an error that is about the directory itself. */
export const DIRECTORY_NAME = '.'

/** Makes an I/O error about the directory of a database itself: the message has its path. */
export function directoryError(error: unknown, operation: string, dir: string): VarveError {
  return ioError(error, operation, DIRECTORY_NAME, dir)
}

/** Wraps what the file system threw when a file that the manifest lists was opened. */
export function openListedError(error: unknown, file: string): VarveError {
  if (errnoOf(error) !== 'ENOENT') return ioError(error, 'open', file)
  return new VarveError('MISSING_FILE', `${file} is missing, but the manifest lists it`, {
    cause: error, file, hint: 'take the file from a backup (varve heal does that); nothing was changed',
  })
}
