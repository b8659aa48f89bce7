/**
 * What: writes entries as lines of JSON: {"k":"user:1","v":"Ada","exp":1700000000000}, and a last line with their
 * number. A key or value that is not UTF-8 stands in base64 under "k64" or "v64", so that every byte comes back.
 * Thread: main. No I/O.
 * Invariants: EXP-1 the end, with the count, is the last that is given.
 */
import { MiB } from '../base/index.js'
import { ChunkOutput } from './chunk-output.js'
import type { EntryWriter } from './entry-codec.js'
import type { ExportTotals, LentEntry } from './export-writer.js'
import { base64Bytes, isJsonText, jsonBytes, putBase64, putJson } from './text-bytes.js'

/** Text that is longer than this and more than doubles by its escapes is shorter in base64. */
const ESCAPED_BYTES_MAX = 64 * MiB
/** Bytes of a line besides those of key and value, at most. */
const FRAME_BYTES = 64

export class JsonlWriter implements EntryWriter {
  private readonly output: ChunkOutput
  private readonly hasJsonValues: boolean
  private count = 0

  /** With `hasJsonValues` a value that is a JSON text stands as it is under "json". */
  constructor(give: (bytes: Uint8Array) => void, hasJsonValues: boolean) {
    this.output = new ChunkOutput(give)
    this.hasJsonValues = hasJsonValues
  }

  addLent(entry: LentEntry, expiryMs: number): void {
    const { output } = this
    const { keyBytes, keyStart, keyEnd, valueBytes, valueStart, valueEnd } = entry
    const keyLength = writtenBytes(keyBytes, keyStart, keyEnd)
    const isJson = this.hasJsonValues && isJsonText(valueBytes, valueStart, valueEnd)
    const valueLength = isJson ? valueEnd - valueStart : writtenBytes(valueBytes, valueStart, valueEnd)
    output.reserve(FRAME_BYTES + Math.abs(keyLength) + Math.abs(valueLength))
    output.ascii('{')
    this.put('k', keyBytes, keyStart, keyEnd, keyLength)
    output.ascii(',')
    if (isJson) this.putRaw(valueBytes, valueStart, valueEnd)
    else this.put('v', valueBytes, valueStart, valueEnd, valueLength)
    if (expiryMs !== 0) output.ascii(`,"exp":${expiryMs}`)
    output.ascii('}\n')
    this.count++
  }

  private put(name: string, bytes: Uint8Array, start: number, end: number, length: number): void {
    const { output } = this
    output.ascii(length < 0 ? `"${name}64":"` : `"${name}":"`)
    const write = length < 0 ? putBase64 : length === end - start ? putPlain : putJson
    output.at = write(bytes, start, end, output.chunk, output.at)
    output.ascii('"')
  }

  private putRaw(bytes: Uint8Array, start: number, end: number): void {
    const { output } = this
    output.ascii('"json":')
    output.at = putPlain(bytes, start, end, output.chunk, output.at)
  }

  end(): ExportTotals {
    const { output, count } = this
    output.reserve(FRAME_BYTES)
    output.ascii(`{"end":true,"count":${count}}\n`)
    output.flush()
    return { count, bytes: output.bytes }
  }
}

/** How many bytes these take as the inside of a string; negative: in base64. */
function writtenBytes(bytes: Uint8Array, start: number, end: number): number {
  const length = jsonBytes(bytes, start, end)
  const isText = length >= 0 && (length <= ESCAPED_BYTES_MAX || length <= 2 * (end - start))
  return isText ? length : -base64Bytes(end - start)
}

function putPlain(bytes: Uint8Array, start: number, end: number, target: Uint8Array, to: number): number {
  target.set(bytes.subarray(start, end), to)
  return to + end - start
}
