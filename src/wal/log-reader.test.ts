import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  crc32, fileSeed, FRAME_HEADER_BYTES, getU32, putU32, putU53, SeededRandom, VarveError,
} from '../base/index.js'
import { datadriven } from '../../test/support/harness/datadriven.js'
import { bodyOf, buildHistory, frameFields, readHistory } from '../../test/support/samples/log-history.js'
import type { History, HistoryBatch, HistoryFrame, Mark } from '../../test/support/samples/log-history.js'
import { readText } from '../../test/support/text/log-text.js'
import { sampleLogHeader } from '../../test/support/samples/write-buffer-samples.js'
import { FIRST_BATCH_OFFSET } from './log-format.js'

const put = (key: string, value = `value of ${key}`) => ({ type: 'put', key, value }) as const
const expiring = (key: string) => ({ ...put(key), expiresAt: 1_900_000_000_000 })
const del = (key: string) => ({ type: 'del', key }) as const
const batch = (mark: Mark | undefined, ...operations: HistoryBatch['operations']): HistoryBatch =>
  (mark === undefined ? { operations } : { operations, mark })

/** Makes three logs, the middle one with an unused spare behind it. No sync was ever noted. */
function unsynced(): History {
  const history = buildHistory([
    [3, [batch(undefined, put('a'), expiring('b'), del('a')), batch(undefined, put('c', ''))]],
    [5, [batch(undefined, put('')), batch(undefined, del('b'), put('d', 'x'.repeat(33)))]],
    [9, [batch(undefined, expiring('e')), batch(undefined, put('f'), put('a', 'again'))]],
  ])
  history.files.set(7, history.files.get(5)!.slice(0, 0))
  return history
}

/** Makes three logs with sync marks as a writer leaves them: each speaks of what was synced before it. */
function synced(): History {
  const plain = unsynced()
  const end = (i: number) => plain.frames[i]!.end
  return buildHistory([
    [3, [batch(undefined, put('a'), expiring('b'), del('a')), batch([3, end(0)], put('c', ''))]],
    [5, [batch([3, end(0)], put('')), batch([3, end(1)], del('b'), put('d', 'x'.repeat(33)))]],
    [9, [batch([5, end(2)], expiring('e')), batch([5, end(3)], put('f'), put('a', 'again'))]],
  ])
}

/** The numbers of entries with which a batch ends. */
function batchEnds(history: History): number[] {
  return [0, ...history.frames.map(({ seqNum }) => seqNum)]
}

/** The damage that a test did: bytes of `log` from `start` to `end` are not what was written. */
interface Damage {
  log: number
  start: number
  end: number
}

/** Entries that undamaged sync marks prove to be synced. */
function provenCount(history: History, { log, start, end }: Damage): number {
  let count = 0
  for (const witness of history.frames) {
    if (witness.log === log && witness.end > start && witness.at < end) continue
    const [markLog, markBytes] = witness.mark
    for (const frame of history.frames) {
      const isSynced = frame.log < markLog || (frame.log === markLog && frame.end <= markBytes)
      if (isSynced) count = Math.max(count, frame.seqNum)
    }
  }
  return count
}

/** Checks REC-1 and REC-2: history is whole batches from the first on, never fewer than proven, or an error. */
function checkDamaged(history: History, files: Map<number, Uint8Array>, damage: Damage): string {
  const where = `log ${damage.log}, [${damage.start}, ${damage.end})`
  try {
    const { entries } = readHistory(files)
    assert.deepEqual(entries, history.entries.slice(0, entries.length), where)
    assert.ok(batchEnds(history).includes(entries.length), `${where}: half a batch`)
    assert.ok(entries.length >= provenCount(history, damage), `${where}: synced data are gone`)
    return 'prefix'
  } catch (error) {
    if (!VarveError.is(error)) throw error
    assert.ok(['CORRUPTION', 'MISSING_FILE', 'UNSUPPORTED_FORMAT'].includes(error.code), `${where}: ${error.message}`)
    assert.match(error.file ?? '', /^\d{6}\.wal$/)
    return error.code
  }
}

function changed(history: History, log: number, change: (bytes: Uint8Array) => Uint8Array): Map<number, Uint8Array> {
  const files = new Map(history.files)
  files.set(log, change(files.get(log)!.slice()))
  return files
}

describe('histories, and what is read of them', () => {
  datadriven('wal/log-reader.txt', ({ input }) => readText(input))
})

test('REC-1, REC-2: a log cut at any byte', () => {
  for (const history of [unsynced(), synced()]) {
    const seen = new Set<string>()
    for (const log of [3, 5, 9]) {
      const size = history.files.get(log)!.length
      for (let cut = 0; cut < size; cut++) {
        const files = changed(history, log, (bytes) => bytes.slice(0, cut))
        seen.add(checkDamaged(history, files, { log, start: cut, end: Infinity }))
      }
    }
    assert.deepEqual([...seen].sort(), ['CORRUPTION', 'prefix'])
  }
})

test('REC-1, REC-2: any byte flipped', () => {
  for (const history of [unsynced(), synced()]) {
    for (const log of [3, 5, 9]) {
      const size = history.files.get(log)!.length
      for (let at = 0; at < size; at++) {
        for (const flip of [1, 0x80, 0xff]) {
          const files = changed(history, log, (bytes) => ((bytes[at]! ^= flip), bytes))
          checkDamaged(history, files, { log, start: at, end: at + 1 })
        }
      }
    }
  }
})

test('REC-1, REC-2: zeros from any byte on, to the end or for a sector', () => {
  for (const history of [unsynced(), synced()]) {
    for (const log of [3, 5, 9]) {
      const size = history.files.get(log)!.length
      for (let at = 0; at < size; at += 4) {
        for (const end of [size, Math.min(size, at + 64)]) {
          const files = changed(history, log, (bytes) => bytes.fill(0, at, end))
          checkDamaged(history, files, { log, start: at, end })
        }
      }
    }
  }
})

/** Gives a changed frame right checksums, as an attacker would. */
function reseal(bytes: Uint8Array, frame: HistoryFrame): void {
  const seed = (fileSeed(sampleLogHeader(frame.log)) ^ frame.at) >>> 0
  const bodyBytes = Math.min(getU32(bytes, frame.at + 4), bytes.length - bodyOf(frame))
  putU32(bytes, frame.at + 8, crc32(bytes, bodyOf(frame), bodyOf(frame) + bodyBytes, seed))
  putU32(bytes, frame.at, crc32(bytes, frame.at + 4, bodyOf(frame), seed))
}

/** Reads crafted bytes: they give one of three error codes, or a history whose entries lie inside their logs. */
function readCrafted(files: Map<number, Uint8Array>): string {
  try {
    readHistory(files)
    return 'read'
  } catch (error) {
    if (VarveError.is(error)) return error.code
    throw error
  }
}

test('crafted lengths with right checksums never reach over their frame', () => {
  const history = unsynced()
  const frame = history.frames[0]!
  const sizes = [0, 1, 3, 4, 8, 9, 24, 25, 1000, 0xffff, 2 ** 31 - 8, 2 ** 31, 2 ** 32 - 16, 2 ** 32 - 8, 2 ** 32 - 1]
  for (const size of sizes) {
    for (const shift of [0, 4, 8, 16, -4, -8, -16, -24]) {
      const files = changed(history, 3, (bytes) => {
        putU32(bytes, bodyOf(frame) + 4, (size + shift) >>> 0)
        reseal(bytes, frame)
        return bytes
      })
      assert.ok(['CORRUPTION', 'UNSUPPORTED_FORMAT', 'read'].includes(readCrafted(files)))
    }
  }
})

test('a value length that wraps in 32 bits does not fold two entries into one place', () => {
  const history = unsynced()
  const frame = history.frames[0]!
  const files = new Map([[3, history.files.get(3)!.slice(0, bodyOf(frame) + 16)]])
  const bytes = files.get(3)!.fill(0, bodyOf(frame))
  putU32(bytes, frame.at + frameFields.bodyBytes, 16)
  putU32(bytes, frame.at + frameFields.count, 2)
  bytes.set([1, 0, 8, 0], bodyOf(frame)) // a key of 8 bytes that is the header of the second entry
  putU32(bytes, bodyOf(frame) + 4, 2 ** 32 - 8)
  bytes[bodyOf(frame) + 8] = 1
  reseal(bytes, frame)
  assert.equal(readCrafted(files), 'CORRUPTION')
})

test('crafted sequence numbers: no leap over 2^32, none of 2^51 or more, none that goes back', () => {
  const history = unsynced()
  const leaps = [[2, 'read'], [2 ** 31, 'read'], [2 ** 32, 'CORRUPTION'], [2 ** 53 - 1, 'CORRUPTION']] as const
  for (const [seqNum, expected] of leaps) {
    const files = changed({ ...history, files: new Map([[3, history.files.get(3)!]]) }, 3, (bytes) => {
      putU53(bytes, history.frames[0]!.at + frameFields.firstSeqNum, seqNum)
      reseal(bytes, history.frames[0]!)
      return bytes
    })
    assert.equal(readCrafted(files), expected, String(seqNum))
  }
  const back = changed(history, 5, (bytes) => {
    const first: HistoryFrame = { ...history.frames[2]!, at: 128 }
    putU53(bytes, bodyOf(first) + 8, 2)
    reseal(bytes, first)
    return bytes
  })
  assert.equal(readCrafted(back), 'CORRUPTION')
})

test('structure-aware fuzz: fields changed, checksums mended', () => {
  const random = new SeededRandom(2026, 'log fuzz')
  const counts = new Map<string, number>()
  for (let i = 0; i < 4000; i++) {
    const history = random.chance(0.5) ? fuzzed[0]! : fuzzed[1]!
    const frame = random.pick(history.frames)
    const files = changed(history, frame.log, (bytes) => {
      for (let n = random.below(3); n >= 0; n--) mutate(bytes, frame, random)
      reseal(bytes, frame)
      return bytes
    })
    const result = readCrafted(files)
    counts.set(result, (counts.get(result) ?? 0) + 1)
  }
  assert.deepEqual([...counts.keys()].sort(), ['CORRUPTION', 'UNSUPPORTED_FORMAT', 'read'])
  for (const [result, count] of counts) assert.ok(count > 100, `${result} ${count}: the fuzz reaches every answer`)
})

const fuzzed = [unsynced(), synced()]

function mutate(bytes: Uint8Array, frame: HistoryFrame, random: SeededRandom): void {
  const numbers = [0, 1, 2, 7, 40, 0x7f, 0xff, 0x100, 0xffff, 2 ** 31, 2 ** 32 - 1, random.below(300), random.u32()]
  const value = random.pick(numbers)
  const first = bodyOf(frame)
  const bodyBytes = frame.end - first
  switch (random.below(7)) {
    case 0: putU32(bytes, frame.at + frameFields.bodyBytes, value); break
    case 1: putU32(bytes, frame.at + frameFields.count, value); break
    case 2: putU32(bytes, frame.at + frameFields.mark + 4 * random.below(2), value); break
    case 3: bytes[frame.at + frameFields.type + random.below(4)] = value; break
    case 4: putU53(bytes, frame.at + frameFields.firstSeqNum, value * random.pick([1, 2 ** 20])); break
    case 5: putU32(bytes, first + random.pick([0, 4, 8]), value); break
    default: bytes[first + random.below(bodyBytes)] = value
  }
}

test('the frame behind the predecessor stands where it is expected', () => {
  const { files, frames } = unsynced()
  assert.equal(frames[0]!.at, FIRST_BATCH_OFFSET)
  assert.equal(FIRST_BATCH_OFFSET, 200)
  assert.equal(FRAME_HEADER_BYTES, 40)
  assert.equal(files.get(3)!.length, frames[1]!.end)
})
