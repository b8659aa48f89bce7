/**
 * What: lines of JSON as the operations of a batch. A line that is wrong in any way is told by its number, and no
 * operation of any line is done.
 */
import type { BatchOp } from '../../api/index.js'
import { VarveError } from '../../base/index.js'

const FIELDS = new Set(['op', 'k', 'k64', 'v', 'v64', 'exp', 'from', 'from64', 'to', 'to64'])
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

/** Collects the operations of a batch line by line, however the input is cut into pieces. */
export class BatchLines {
  readonly operations: BatchOp[] = []
  private lineNumber = 0
  private rest: Uint8Array[] = []

  /** Takes the next bytes of the input. */
  add(bytes: Uint8Array): void {
    let start = 0
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
      this.rest.push(bytes.subarray(start, end))
      this.line(Buffer.concat(this.rest.splice(0)))
      start = end + 1
    }
    if (start < bytes.length) this.rest.push(bytes.slice(start))
  }

  /** The input has ended; its last line may have no line break. */
  end(): void {
    if (this.rest.length > 0) this.line(Buffer.concat(this.rest.splice(0)))
  }

  private line(bytes: Uint8Array): void {
    this.lineNumber++
    let value: unknown
    try {
      const text = decoder.decode(bytes)
      if (text.trim() === '') return
      value = JSON.parse(text)
    } catch {
      throw this.wrong('is no JSON')
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.wrong('is no object')
    this.operations.push(this.operation(value as Record<string, unknown>))
  }

  private operation(line: Record<string, unknown>): BatchOp {
    const stranger = Object.keys(line).find((name) => !FIELDS.has(name))
    if (stranger !== undefined) throw this.wrong(`has a field ${JSON.stringify(stranger)}`)
    const { op = 'put' } = line
    if (op === 'del') return { type: 'del', key: this.needed(line, 'k') }
    if (op === 'delRange') {
      const [from, to] = [this.bytes(line, 'from'), this.bytes(line, 'to')]
      return { type: 'delRange', ...(from === null ? {} : { gte: from }), ...(to === null ? {} : { lt: to }) }
    }
    if (op !== 'put') throw this.wrong('has another op than put, del and delRange')
    const put: BatchOp = { type: 'put', key: this.needed(line, 'k'), value: this.needed(line, 'v') }
    const { exp } = line
    if (exp === undefined || exp === null) return put
    if (!Number.isSafeInteger(exp)) throw this.wrong('has an exp that is no time in milliseconds')
    return { ...put, expiresAt: exp as number }
  }

  private needed(line: Record<string, unknown>, name: string): Uint8Array {
    const bytes = this.bytes(line, name)
    if (bytes === null) throw this.wrong(`needs ${name} or ${name}64`)
    return bytes
  }

  /** Reads a field as text, or in Base64 under its other name; null when it has neither. */
  private bytes(line: Record<string, unknown>, name: string): Uint8Array | null {
    const [text, base64] = [line[name], line[`${name}64`]]
    if (text !== undefined && base64 !== undefined) throw this.wrong(`has both ${name} and ${name}64`)
    if (text !== undefined) {
      // A lone surrogate is no text: it would be stored as another character.
      const isText = typeof text === 'string' && !/\p{Surrogate}/u.test(text)
      if (!isText) throw this.wrong(`has a field ${name} that is no text`)
      return encoder.encode(text)
    }
    if (base64 === undefined) return null
    if (typeof base64 !== 'string' || Buffer.from(base64, 'base64').toString('base64') !== base64) {
      throw this.wrong(`has a field ${name}64 that is no Base64`)
    }
    return Uint8Array.from(Buffer.from(base64, 'base64'))
  }

  private wrong(what: string): VarveError {
    return new VarveError('INVALID_ARGUMENT', `line ${this.lineNumber} ${what}`, {
      hint: 'nothing was written; a line is {"k": key, "v": value}, or has "op": "del" or "delRange"',
    })
  }
}
