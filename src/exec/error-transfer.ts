/**
 * What: errors as plain data, so that they cross threads with everything a caller decides by: the code,
 * file, offset and hint of a VarveError, the errno of a system error, and the causes below them.
 * (Structured clone alone would drop `code`.)
 * Thread: any.
 */
import { VarveError } from '../base/index.js'
import type { ErrorCode, ErrorDetails } from '../base/index.js'

/** Deeper chains of causes are cut. */
const CAUSE_DEPTH_MAX = 4

/** Fields that system errors of the platform carry besides `code`. */
const SYSTEM_FIELDS = ['errno', 'syscall', 'path', 'dest'] as const

export interface ErrorData {
  isVarve: boolean
  name: string
  message: string
  stack: string
  code?: string
  file?: string
  offset?: number
  hint?: string
  cause?: ErrorData
  system?: Record<string, string | number>
}

export function encodeError(error: unknown, depth = 0): ErrorData {
  if (typeof error !== 'object' || error === null) {
    return { isVarve: false, name: 'Error', message: String(error), stack: '' }
  }
  const from = error as Partial<VarveError> & Record<string, unknown>
  const data: ErrorData = {
    isVarve: VarveError.is(error),
    name: text(from.name, 'Error'),
    message: text(from.message, ''),
    stack: text(from.stack, ''),
  }
  if (typeof from.code === 'string') data.code = from.code
  if (typeof from.file === 'string') data.file = from.file
  if (typeof from.offset === 'number') data.offset = from.offset
  if (typeof from.hint === 'string') data.hint = from.hint
  for (const field of SYSTEM_FIELDS) {
    const value = from[field]
    if (typeof value === 'string' || typeof value === 'number') (data.system ??= {})[field] = value
  }
  if (from.cause !== undefined && depth < CAUSE_DEPTH_MAX) {
    data.cause = encodeError(from.cause, depth + 1)
  }
  return data
}

export function decodeError(data: ErrorData): Error {
  const cause = data.cause === undefined ? undefined : decodeError(data.cause)
  const error = data.isVarve ? decodeVarveError(data, cause) : decodeOther(data, cause)
  if (data.stack !== '') error.stack = data.stack
  return error
}

function decodeVarveError(data: ErrorData, cause: Error | undefined): VarveError {
  const details: ErrorDetails = {}
  if (cause !== undefined) details.cause = cause
  if (data.file !== undefined) details.file = data.file
  if (data.offset !== undefined) details.offset = data.offset
  if (data.hint !== undefined) details.hint = data.hint
  return new VarveError(data.code as ErrorCode, data.message, details)
}

function decodeOther(data: ErrorData, cause: Error | undefined): Error {
  const error = new Error(data.message, cause === undefined ? undefined : { cause })
  if (data.name !== 'Error') error.name = data.name
  if (data.code !== undefined) Object.assign(error, { code: data.code })
  return Object.assign(error, data.system)
}

function text(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise
}
