/** A manifest with cuts, torn sectors, flipped bytes or forged frames gives a version that was, or an error. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import {
  FILE_HEADER_BYTES, FRAME_HEADER_BYTES, FrameType, MANIFEST_BYTES_MAX, SeededRandom, VarveError,
  crc32, decodeFileHeader, emptyFrameHeader, encodeFileHeader, fileSeed, frameBytes, putU32, putU53, readFrameHeader,
  runSync, sealFrame,
} from '../base/index.js'
import type { FrameHeader } from '../base/index.js'
import { MemoryVfs } from '../vfs/index.js'
import { expectError } from '../../test/support/harness/expect-error.js'
import {
  readAll, sampleBase, sampleGroups, sampleOptions, sampleVersions, writeSampleManifest,
} from '../../test/support/samples/manifest-samples.js'
import { eio, watchedVfs } from '../../test/support/fakes/watched-vfs.js'
import { createManifest } from './manifest-log.js'
import { readManifest, replayManifest } from './manifest-reader.js'
import type { Version } from './version.js'
import { findProblem } from './version-check.js'
import { encodeGroup, versionToEdit } from './version-edit.js'
import { drawnNumbers } from '../../test/support/harness/share.js'

const versions = sampleVersions()

function sampleBytes(isClosed = false): { bytes: Uint8Array, ends: number[] } {
  const { vfs, log, ends } = writeSampleManifest()
  if (isClosed) runSync(log.closeClean())
  return { bytes: readAll(vfs, '/db/000007.manifest'), ends }
}

/** Reads a manifest; gives the version, or the code of the error. */
function outcome(bytes: Uint8Array): Version | string {
  try {
    return replayManifest(bytes, 7).version
  } catch (error) {
    if (!VarveError.is(error)) throw error
    assert.equal(error.file, '000007.manifest')
    assert.equal(typeof error.offset, 'number')
    return error.code
  }
}

test('every cut keeps every whole group, and a cut first group is corruption', () => {
  const { bytes, ends } = sampleBytes()
  for (const cut of drawnNumbers('cuts of a manifest', bytes.length + 1)) {
    const whole = ends.filter((end) => end <= cut).length
    const result = outcome(bytes.slice(0, cut))
    assert.deepEqual(result, whole === 0 ? 'CORRUPTION' : versions[whole - 1], `cut at ${cut}`)
    if (whole > 0) {
      assert.equal(replayManifest(bytes.slice(0, cut), 7).tornBytes, cut - ends[whole - 1]!)
    }
  }
})

test('the same with zeros where the cut bytes were', () => {
  const { bytes, ends } = sampleBytes()
  for (let cut = ends.at(-2)!; cut < bytes.length; cut++) {
    const torn = bytes.slice()
    torn.fill(0, cut)
    const result = outcome(torn)
    const isWhole = bytes.subarray(cut).every((byte) => byte === 0)
    assert.deepEqual(result, isWhole ? versions.at(-1) : versions.at(-2), `zeros from ${cut}`)
  }
})

test('any sectors of the last group lost: the version before it', () => {
  const { vfs, log } = writeSampleManifest()
  const start = log.bytes
  runSync(log.append([{ settings: 'x'.repeat(3000) }]))
  const bytes = readAll(vfs, '/db/000007.manifest')
  const first = Math.ceil(start / 512)
  const count = Math.ceil(bytes.length / 512) - first
  assert.ok(count >= 5)
  for (let lost = 1; lost < 2 ** (count + 1); lost++) {
    const torn = bytes.slice()
    if (lost & 1) torn.fill(0, start, first * 512)
    for (let i = 0; i < count; i++) {
      if (lost & (2 << i)) torn.fill(0xaa, (first + i) * 512, (first + i + 1) * 512)
    }
    assert.deepEqual(outcome(torn), versions.at(-1), `lost ${lost.toString(2)}`)
  }
})

for (const isClosed of [false, true]) {
  test(`every byte flipped, ${isClosed ? 'closed' : 'open'}: never a wrong version`, () => {
    const { bytes, ends } = sampleBytes(isClosed)
    const seen = { right: 0, before: 0, corruption: 0 }
    for (let at = 0; at < bytes.length; at++) {
      for (const mask of [0x01, 0x80, 0xff]) {
        bytes[at]! ^= mask
        const result = outcome(bytes)
        bytes[at]! ^= mask
        if (result === 'CORRUPTION') seen.corruption++
        else if (isDeepStrictEqual(result, versions.at(-1)!)) seen.right++
        else {
          const isLastGroup = at >= ends.at(-2)! && !isClosed
          const isBefore = isDeepStrictEqual(result, versions.at(-2)!)
          assert.ok(isLastGroup && isBefore, `byte ${at} ^ ${mask}: ${result}`)
          seen.before++
        }
      }
    }
    assert.equal(seen.before > 0, !isClosed)
    assert.ok(seen.corruption > 3 * (ends.at(-2)! - 100))
    assert.ok(seen.right > 0)
  })
}

test('a bad group is corruption at its offset when the frame behind it has only its header', () => {
  const { bytes, ends } = sampleBytes()
  const torn = bytes.slice(0, ends.at(-2)! + FRAME_HEADER_BYTES)
  assert.deepEqual(outcome(torn), versions.at(-2))
  torn[ends.at(-3)! + 50]! ^= 1
  const error = expectError(() => replayManifest(torn, 7), 'CORRUPTION')
  assert.equal(error.offset, ends.at(-3))
})

test('a group in the middle turned to zeros is corruption', () => {
  const { bytes, ends } = sampleBytes()
  bytes.fill(0, ends[1], ends[2])
  assert.equal(outcome(bytes), 'CORRUPTION')
})

/** Writes the frame at `at` again, with right checksums. */
function reseal(bytes: Uint8Array, at: number, more: Partial<FrameHeader> = {}): void {
  const seed = fileSeed(decodeFileHeader(bytes, 'varveman', 'manifest'))
  const header = emptyFrameHeader()
  readFrameHeader(bytes, at, at, seed, header)
  sealFrame(bytes, at, at, seed, { ...header, ...more })
}

test('frame headers with right checksums and wrong fields', () => {
  const cases: [Partial<FrameHeader>, string][] = [
    [{ firstSeqNum: 9 }, 'CORRUPTION'], [{ generation: 4 }, 'CORRUPTION'],
    [{ markDistance: 1 }, 'CORRUPTION'], [{ markBytes: 2 ** 31 }, 'CORRUPTION'],
    [{ count: 2 }, 'CORRUPTION'], [{ count: 0 }, 'CORRUPTION'], [{ type: 4 }, 'CORRUPTION'],
    [{ type: 1 }, 'UNSUPPORTED_FORMAT'], [{ type: 77 }, 'UNSUPPORTED_FORMAT'],
    [{ extensionBytes: 4 }, 'UNSUPPORTED_FORMAT'],
  ]
  for (const at of [0, 1]) {
    for (const [more, code] of cases) {
      const { bytes, ends } = sampleBytes()
      reseal(bytes, at === 0 ? FILE_HEADER_BYTES : ends[at - 1]!, more)
      assert.equal(outcome(bytes), code, JSON.stringify(more))
    }
  }
})

test('a mark that should hold edits is corruption, not a group to leave out', () => {
  const { bytes, ends } = sampleBytes()
  reseal(bytes, ends.at(-2)!, { type: FrameType.mark })
  assert.equal(outcome(bytes), 'CORRUPTION')
})

test('a frame behind a bad place proves nothing when its sync mark is not above that place', () => {
  const { bytes, ends } = sampleBytes()
  const [bad, last] = [ends.at(-3)!, ends.at(-2)!]
  bytes[bad + 50]! ^= 1
  assert.equal(outcome(bytes), 'CORRUPTION')
  reseal(bytes, last, { markBytes: bad + 1 })
  assert.equal(outcome(bytes), 'CORRUPTION')
  reseal(bytes, last, { markBytes: bad })
  assert.deepEqual(outcome(bytes), versions.at(-3))
})

test('the first group must hold a whole version', () => {
  const { bytes, ends } = sampleBytes()
  // The second group, with the number of the first, stands in the place of the first.
  const moved = new Uint8Array(bytes.length)
  moved.set(bytes.subarray(0, FILE_HEADER_BYTES))
  moved.set(bytes.subarray(ends[0]!, ends[1]!), FILE_HEADER_BYTES)
  const seed = fileSeed(decodeFileHeader(bytes, 'varveman', 'manifest'))
  const header = emptyFrameHeader()
  readFrameHeader(bytes, ends[0]!, ends[0]!, seed, header)
  const first = { ...header, firstSeqNum: 1, markBytes: 0 }
  sealFrame(moved, FILE_HEADER_BYTES, FILE_HEADER_BYTES, seed, first)
  const end = FILE_HEADER_BYTES + frameBytes(header.bodyBytes)
  const error = expectError(() => replayManifest(moved.slice(0, end), 7), 'CORRUPTION')
  assert.match(error.message, /whole version/)
})

test('the first group has a lineage, which is that of the file header', () => {
  const { bytes, ends } = sampleBytes()
  const other = bytes.slice()
  putU53(other, 72, 9)
  putU32(other, 124, crc32(other, 0, 124))
  const differs = expectError(() => replayManifest(other, 7), 'CORRUPTION')
  assert.match(differs.message, /lineage is \d+, in the file header 9/)
  const { lineage: _, ...whole } = versionToEdit(versions[0]!)
  const body = encodeGroup([whole])
  const end = FILE_HEADER_BYTES + frameBytes(body.length)
  const without = bytes.slice(0, ends[0])
  without.set(body, FILE_HEADER_BYTES + FRAME_HEADER_BYTES)
  const seed = fileSeed(decodeFileHeader(bytes, 'varveman', 'manifest'))
  const header = emptyFrameHeader()
  readFrameHeader(bytes, FILE_HEADER_BYTES, FILE_HEADER_BYTES, seed, header)
  sealFrame(without, FILE_HEADER_BYTES, FILE_HEADER_BYTES, seed, { ...header, bodyBytes: body.length })
  const error = expectError(() => replayManifest(without.slice(0, end), 7), 'CORRUPTION')
  assert.match(error.message, /whole version/)
})

test('edits that do not fit are corruption with the offset of their group', () => {
  const { vfs, log, ends } = writeSampleManifest()
  runSync(log.append([{ logPointer: 3 }]))
  const error = expectError(() => runSync(readManifest(vfs, '/db', 7)), 'CORRUPTION')
  assert.equal(error.offset, ends.at(-1))
  assert.match(error.message, /MAN-9/)
})

test('a version that breaks an invariant at the end is corruption', () => {
  const { vfs, log } = writeSampleManifest()
  const [facts] = versions[1]!.levels[0]!.tables
  const wrong = { ...facts!, fileNum: 30, lastLog: 40 }
  runSync(log.append([{ addTables: [{ level: 2, facts: wrong }] }]))
  const error = expectError(() => runSync(readManifest(vfs, '/db', 7)), 'CORRUPTION')
  assert.match(error.message, /MAN-5/)
})

test('fuzz with right checksums: a sound version or an error that says what', () => {
  const random = new SeededRandom(17, 'manifest')
  const { bytes, ends } = sampleBytes()
  const starts = [FILE_HEADER_BYTES, ...ends.slice(0, -1)]
  const codes = new Set<string>()
  for (let round = 0; round < 2_000; round++) {
    const copy = bytes.slice()
    const group = random.below(starts.length)
    const [start, end] = [starts[group]!, ends[group]!]
    for (let i = random.below(3); i >= 0; i--) {
      const at = start + FRAME_HEADER_BYTES + random.below(end - start - FRAME_HEADER_BYTES)
      copy[at] = random.chance(0.5) ? random.u32() : random.pick([0, 1, 7, 8, 0x7f, 0xff])
    }
    reseal(copy, start)
    const result = outcome(copy)
    if (typeof result === 'string') codes.add(result)
    else assert.equal(findProblem(result), null)
  }
  assert.deepEqual([...codes].sort(), ['CORRUPTION', 'UNSUPPORTED_FORMAT'])
})

test('another file number, another magic, a newer format', () => {
  const { bytes } = sampleBytes()
  assert.match(expectError(() => replayManifest(bytes, 8), 'CORRUPTION').message, /file number/)
  const log = bytes.slice()
  encodeFileHeader({ ...decodeFileHeader(bytes, 'varveman', 'm'), magic: 'varvelog' }, log)
  assert.match(expectError(() => replayManifest(log, 7), 'CORRUPTION').message, /magic/)
})

test('groups of another manifest of the same number do not pass: the salt differs', () => {
  const { bytes, ends } = sampleBytes()
  const vfs = new MemoryVfs()
  vfs.mkdirSync('/db')
  const options = { ...sampleOptions(), random: new SeededRandom(12, 'other salt') }
  runSync(createManifest(vfs, '/db', options, sampleBase))
  const other = readAll(vfs, '/db/000007.manifest')
  const stale = new Uint8Array(bytes.length)
  stale.set(other.subarray(0, ends[0]!))
  stale.set(bytes.subarray(ends[0]!), ends[0]!)
  assert.deepEqual(outcome(stale), versions[0])
})

test('a missing, unreadable or far too large manifest', () => {
  const { vfs } = writeSampleManifest()
  const missing = expectError(() => runSync(readManifest(vfs, '/db', 9)), 'MISSING_FILE')
  assert.equal(missing.file, '000009.manifest')
  const failing = watchedVfs(vfs, {
    before: (call) => {
      if (call.name === 'read') throw eio(call)
    },
  })
  expectError(() => runSync(readManifest(failing, '/db', 7)), 'IO_ERROR')
  vfs.openSync('/db/000010.manifest', 'create').closeSync()
  expectError(() => runSync(readManifest(vfs, '/db', 10)), 'CORRUPTION')
  const open = vfs.openSync.bind(vfs)
  vfs.openSync = (path, mode) =>
    Object.assign(open(path, mode), { sizeSync: () => MANIFEST_BYTES_MAX + 1 })
  expectError(() => runSync(readManifest(vfs, '/db', 7)), 'CORRUPTION')
})

test('reading beside a writer sees a version that was', () => {
  const vfs = new MemoryVfs()
  vfs.mkdirSync('/db')
  const log = runSync(createManifest(vfs, '/db', sampleOptions(), sampleBase))
  for (const [i, group] of sampleGroups.entries()) {
    assert.deepEqual(runSync(readManifest(vfs, '/db', 7)).version, versions[i])
    runSync(log.append(group))
  }
})
