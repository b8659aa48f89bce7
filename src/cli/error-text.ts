/**
 * What: an error as the command line reports it: code, what happened, where, what to do.
 */
import { VarveError } from '../base/index.js'
import { printable } from './printable.js'

export interface ErrorReport {
  code: string
  message: string
  file: string | null
  offset: number | null
  hint: string | null
  /** The message of the error that caused it, if there is one. */
  cause: string | null
}

/** Describes an error. `code` is a VarveError's, an errno name, or INTERNAL. */
export function errorReport(error: unknown): ErrorReport {
  if (VarveError.is(error)) {
    const { code, message, file, offset, hint, cause } = error
    return {
      code, message, file: file ?? null, offset: offset ?? null, hint: hint ?? null,
      cause: cause instanceof Error ? cause.message : null,
    }
  }
  const { code, message } = error as { code?: unknown; message?: unknown }
  return {
    code: typeof code === 'string' ? code : 'INTERNAL',
    message: typeof message === 'string' ? message : String(error),
    file: null, offset: null, hint: null, cause: null,
  }
}

export function errorText(error: unknown): string {
  const { code, message, file, offset, hint, cause } = errorReport(error)
  const lines = [`varve: ${code}: ${printable(message)}`]
  if (file !== null) lines.push(`  file    ${printable(file)}`)
  if (offset !== null) lines.push(`  offset  ${offset}`)
  if (cause !== null) lines.push(`  cause   ${printable(cause)}`)
  if (hint !== null) lines.push(`  hint    ${printable(hint)}`)
  return lines.join('\n') + '\n'
}
