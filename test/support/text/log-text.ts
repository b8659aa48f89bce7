/**
 * Histories of logs as lines of text, what happened to their files, and what a reader finds: the language of
 * test/data/wal.
 *
 *     history            a history begins; `history 11`: its first sequence number is 11
 *     log 3: a b -a | (3:1) c=x
 *                        log 3 with two batches: a and b are put, a is deleted; c is put with the value x, and a sync
 *                        mark says that log 3 was synced up to the end of its first batch
 *     zeros 3:2          zeros in the place of the second batch of log 3; `junk`: other bytes; `junk body`: behind its
 *                        header; `type 9 3:2`: another frame type, with right checksums
 *     cut 3:2            log 3 ends where its second batch began; `cut 3 at 127`: at that byte
 *     copy 3 12          log 12 has the bytes of log 3
 *     drop 3             the file is gone
 *     other database 3   its header says so
 *     pointer 5          the first log that counts
 */
import { crc32, FRAME_HEADER_BYTES, fileSeed, putU32, VarveError } from '../../../src/base/index.js'
import type { BatchOperation } from '../../../src/commit/index.js'
import { buildHistory, frameFields, readHistory } from '../samples/log-history.js'
import type { HistoryBatch, HistoryFrame, Mark } from '../samples/log-history.js'
import { sampleLogHeader } from '../samples/write-buffer-samples.js'

type LogLine = [fileNum: number, batches: string[]]

/** The files that the lines leave behind. */
class LogFiles {
  readonly files = new Map<number, Uint8Array>()
  readonly frames: HistoryFrame[] = []
  pointer = 1
  private logs: LogLine[] = []
  private firstSeqNum = 1

  run(line: string): void {
    const [command, ...words] = line.split(' ')
    if (command === 'history') {
      this.build()
      this.firstSeqNum = Number(words[0] ?? 1)
    } else if (command === 'log') {
      const [number, ...batches] = words.join(' ').split(/: | \| /)
      this.logs.push([Number(number), batches])
    } else {
      this.build()
      this.change(line, words)
    }
  }

  /** The files of the history so far; a log of an earlier one with the same number is replaced. */
  build(): void {
    if (this.logs.length === 0) return
    // Marks name frames, whose places are known once the history was built without marks.
    const unmarked = this.logs.map(([log, texts]): [number, HistoryBatch[]] => [log, texts.map(batchOf)])
    const plain = buildHistory(unmarked, this.firstSeqNum)
    const endOf = (log: number, batch: number) => plain.frames.filter((frame) => frame.log === log)[batch - 1]!.end
    const marked = this.logs.map(([log, texts]): [number, HistoryBatch[]] =>
      [log, texts.map((text) => ({ ...batchOf(text), ...markOf(text, endOf) }))])
    const { files, frames } = buildHistory(marked, this.firstSeqNum)
    for (const [log, bytes] of files) this.files.set(log, bytes)
    this.frames.push(...frames)
    this.logs = []
  }

  private change(line: string, words: string[]): void {
    const last = words.at(-1)!
    const log = Number(last.split(':')[0])
    const bytes = this.files.get(log)
    const named = Number(words[0])
    const frame = this.frames.findLast((each) => each.log === log && this.placeOf(each) === last)
    if (line.startsWith('zeros ')) bytes!.fill(0, frame!.at, frame!.end)
    else if (line.startsWith('junk body ')) bytes!.fill(0xaa, frame!.at + FRAME_HEADER_BYTES, frame!.end)
    else if (line.startsWith('junk ')) bytes!.fill(0xaa, frame!.at, frame!.end)
    else if (line.startsWith('type ')) setType(bytes!, frame!, named)
    else if (line.startsWith('copy ')) this.files.set(log, this.files.get(named)!.slice())
    else if (line.startsWith('other database ')) setDatabase(bytes!)
    else if (words[1] === 'at') this.files.set(named, this.files.get(named)!.slice(0, log))
    else if (line.startsWith('cut ')) this.files.set(log, bytes!.slice(0, frame!.at))
    else if (line.startsWith('drop ')) this.files.delete(log)
    else if (line.startsWith('pointer ')) this.pointer = log
    else throw new Error(`what is '${line}'?`)
  }

  private placeOf({ log, at }: HistoryFrame): string {
    const before = this.frames.filter((each) => each.log === log && each.at <= at)
    return `${log}:${new Set(before.map((each) => each.at)).size}`
  }

  /** A place in a log as its lines name it. */
  shown(log: number, offset: number): string {
    const frame = this.frames.find((each) => each.log === log && each.at === offset)
    return frame === undefined ? `byte ${offset} of log ${log}` : `batch ${this.placeOf(frame)}`
  }
}

const MARK = /^\((\d+):(\d+)\) */

function batchOf(text: string): HistoryBatch {
  const words = text.replace(MARK, '').split(' ').filter((word) => word !== '')
  return {
    operations: words.map((word): BatchOperation => {
      const [key = '', value = `value of ${key}`] = word.split('=')
      return word.startsWith('-') ? { type: 'del', key: word.slice(1) } : { type: 'put', key, value }
    }),
  }
}

function markOf(text: string, endOf: (log: number, batch: number) => number): { mark?: Mark } {
  const found = MARK.exec(text)
  return found === null ? {} : { mark: [Number(found[1]), endOf(Number(found[1]), Number(found[2]))] }
}

function setType(bytes: Uint8Array, frame: HistoryFrame, type: number): void {
  bytes[frame.at + frameFields.type] = type
  const start = (fileSeed(sampleLogHeader(frame.log)) ^ frame.at) >>> 0
  putU32(bytes, frame.at, crc32(bytes, frame.at + 4, frame.at + FRAME_HEADER_BYTES, start))
}

function setDatabase(bytes: Uint8Array): void {
  bytes[30]! ^= 1
  putU32(bytes, 124, crc32(bytes, 0, 124))
}

const logOf = (file: string) => Number.parseInt(file, 10)

/** One line an entry, then where history was cut; or the error. */
export function readText(lines: readonly string[]): string {
  const logs = new LogFiles()
  for (const line of lines) logs.run(line)
  logs.build()
  try {
    const { entries, cut } = readHistory(logs.files, logs.pointer)
    const lines = entries.map((entry) => (entry.endsWith(' ') ? `${entry}''` : entry))
    if (cut !== null) lines.push(`cut at ${logs.shown(logOf(cut.file), cut.offset)}, ${cut.bytes} bytes`)
    return lines.join('\n')
  } catch (error) {
    if (!VarveError.is(error)) throw error
    const place = error.offset === undefined ? '' : ` at ${logs.shown(logOf(error.file!), error.offset)}`
    return `${error.code} in ${error.file}${place}: ${error.message.replace(/^.* at offset \d+: /, '')}`
  }
}
