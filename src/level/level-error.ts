/**
 * What: errors of the engine under the codes that abstract-level's users know. The engine's own error,
 * with file, offset and hint, is the cause. What has no such code stays as it is.
 */
import { VarveError } from '../base/index.js'
import type { ErrorCode } from '../base/index.js'

/** Codes are abstract-level's and classic-level's; `LEVEL_READONLY` is many-level's. */
const LEVEL_CODES: Partial<Record<ErrorCode, string>> = {
  CLOSED: 'LEVEL_DATABASE_NOT_OPEN',
  LOCKED: 'LEVEL_LOCKED',
  READ_ONLY: 'LEVEL_READONLY',
  CORRUPTION: 'LEVEL_CORRUPTION',
  MISSING_FILE: 'LEVEL_CORRUPTION',
  MISSING_MARKER: 'LEVEL_CORRUPTION',
  IO_ERROR: 'LEVEL_IO_ERROR',
  NO_SPACE: 'LEVEL_IO_ERROR',
  COMMIT_UNKNOWN: 'LEVEL_IO_ERROR',
  BACKGROUND_ERROR: 'LEVEL_IO_ERROR',
  KEY_TOO_LARGE: 'LEVEL_INVALID_KEY',
  VALUE_TOO_LARGE: 'LEVEL_INVALID_VALUE',
  NOT_SUPPORTED: 'LEVEL_NOT_SUPPORTED',
  UNSUPPORTED_FORMAT: 'LEVEL_NOT_SUPPORTED',
  ABORTED: 'LEVEL_ABORTED',
}

/** An error as abstract-level makes them: recognised by `code`. */
export class LevelError extends Error {
  readonly code: string

  constructor(code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}

/** Makes the error that an aborted call throws; its name is what the web platform says. */
export function abortError(): LevelError {
  const error = new LevelError('LEVEL_ABORTED', 'Operation has been aborted')
  error.name = 'AbortError'
  return error
}

export function notOpenError(what: string): LevelError {
  return new LevelError('LEVEL_DATABASE_NOT_OPEN', `Database is not open: ${what}`)
}

export function levelError(error: unknown): unknown {
  if (!VarveError.is(error)) return error
  const code = LEVEL_CODES[error.code]
  return code === undefined ? error : new LevelError(code, error.message, error)
}

/** Throws an engine's error as abstract-level's users know it, at the end of a promise chain. */
export function rethrow(error: unknown): never {
  throw levelError(error)
}
