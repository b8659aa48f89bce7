/**
 * Logs as a later version, or nobody, writes them: each reserved code, in a frame whose checksums are right, is refused
 * by name, with the same words by an open, a read-only open and a dump; no byte of the directory is changed. What
 * readers of format 2 take though nobody writes it yet is read, replayed and followed.
 */
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import {
  BadBytes, EncodingFlag, EntryKind, FILE_HEADER_BYTES, FrameFlag, FrameType, VersionFlag,
} from '../../src/base/index.js'
import { runCommandLine } from '../../src/cli/command-line.js'
import { Varve, VarveError } from '../../src/index.js'
import { decodeNote, encodeNote } from '../../src/wal/index.js'
import type { NotedStretch } from '../../src/wal/index.js'
import { directoryState } from '../support/databases/directory-state.js'
import { keyOperations, readBatches } from '../support/databases/follower.js'
import { LogCraft } from '../support/samples/log-crafting.js'
import type { CraftedEntry, CraftedFrame } from '../support/samples/log-crafting.js'
import { TestTerminal } from '../support/fakes/test-terminal.js'

const root = mkdtempSync(path.join(tmpdir(), 'varve-reserved-'))
const killedDir = path.join(root, 'killed')
after(() => rmSync(root, { recursive: true, force: true }))

const OPTIONS = { workers: 0, writeBufferSize: 65_536 }
const PIN = 'follower'

/** Three writes, synced, in one log that a pin keeps. */
before(async () => {
  const dir = path.join(root, 'open')
  const db = await Varve.open(dir, OPTIONS)
  await db.pins.acquire(PIN)
  for (const key of ['a', 'b', 'c']) await db.put(key, `of ${key}`, { sync: true })
  cpSync(dir, killedDir, { recursive: true })
  await db.close()
})

/** A copy of the killed database whose log goes on with this frame. */
function craftedDir(frame: CraftedFrame, change = (log: Uint8Array, _at: number): Uint8Array => log): Crafted {
  const dir = mkdtempSync(path.join(root, 'crafted-'))
  cpSync(killedDir, dir, { recursive: true })
  const logs = readdirSync(dir).filter((name) => name.endsWith('.wal'))
  const log = logs.find((name) => readFileSync(path.join(dir, name)).length > FILE_HEADER_BYTES)!
  const { craft, nextSeqNum } = LogCraft.behind(readFileSync(path.join(dir, log)))
  const at = craft.frame({ firstSeqNum: nextSeqNum, ...frame })
  writeFileSync(path.join(dir, log), change(craft.finish(64), at))
  return { dir, log, at }
}

interface Crafted {
  dir: string
  log: string
  at: number
}

const isLock = (line: string) => /^\S*lock/.test(line)

/** Describes the files, without those of the lock. */
const filesState = (dir: string) => directoryState(dir).slice(1).filter((line) => !isLock(line))

async function refusal(dir: string, readOnly: boolean): Promise<string> {
  const error: unknown = await Varve.open(dir, { ...OPTIONS, readOnly }).then(
    (db) => db.close().then(() => 'it opens'), (reason: unknown) => reason)
  return VarveError.is(error) ? `${error.code}: ${error.message}` : String(error)
}

async function dumpProblems({ dir, log }: Crafted): Promise<string[]> {
  const terminal = new TestTerminal()
  const file = path.join(dir, log)
  const exitCode = await runCommandLine(['dump', 'log', file, '--json'], terminal)
  const { problems } = JSON.parse(terminal.outText) as { problems: { message: string }[] }
  assert.equal(exitCode, problems.length === 0 ? 0 : 1)
  return problems.map(({ message }) => message.replace(file, log))
}

/** `shift`: from the frame's start to what is told. */
async function refuses(crafted: Crafted, code: string, what: string, shift: number): Promise<void> {
  const { dir, log, at } = crafted
  const before = filesState(dir)
  const message = `${log} at offset ${at + shift}: ${what}`
  assert.equal(await refusal(dir, true), `${code}: ${message}`)
  assert.equal(await refusal(dir, false), `${code}: ${message}`)
  assert.equal((await dumpProblems(crafted))[0], message)
  assert.deepEqual(filesState(dir), before)
}

const NEWER = ', which this version does not know'
const BODY = 40
/** Where the frame behind the predecessor frame stands. */
const SECOND_FRAME = 200
const APART = FrameFlag.valuesApart
const { checksum, keyspace } = EncodingFlag
const entry = (more: Partial<CraftedEntry>): CraftedFrame => ({ entries: [{ key: 'key', value: 'value', ...more }] })

/** What stands in the frame, the frame, what is said of it, and where. */
type Case = readonly [frame: CraftedFrame, what: string, shift: number]

const frameTypes: Case[] = [
  [0, '0'], [3, '3 (editGroup)'], [5, '5 (values)'], [7, '7 (exportRecords)'],
  [8, '8 (exportEnd)'], [9, '9'], [255, '255'],
].map(([type, name]) => [{ type: type as number, entries: [] }, `frame type ${name}`, 0])

const frameFlags: Case[] = [
  [{ flags: 2 }, 'frame flag 2 of type 1 (batch)', 0],
  [{ flags: APART | 4 }, 'frame flag 4 of type 1 (batch)', 0],
  [{ flags: 128 }, 'frame flag 128 of type 1 (batch)', 0],
  [{ type: FrameType.mark, flags: APART }, 'frame flag 1 (valuesApart) of type 4 (mark)', 0],
]

const entryKinds: Case[] = [
  [0, '0'], [5, '5 (operand)'], [6, '6 (prepare)'],
  [7, '7 (commit)'], [8, '8'], [15, '15'],
].map(([kind, name]) => [entry({ kind: kind as number }), `entry kind ${name}`, BODY])

const versionFlags: Case[] = [
  [0x20, '0x20 (packed)'], [0x40, '0x40'], [0x80, '0x80'],
].flatMap(([flag, name]) => [EntryKind.value, EntryKind.valueHandle].map((kind): Case =>
  [entry({ kind: kind | (flag as number) }), `entry version flag ${name}`, BODY]))

const encodingFlags: Case[] = [
  [1, '1 (keyspace)'], [2, '2'], [8, '8 (touch)'], [16, '16'], [32, '32'], [64, '64'], [128, '128'],
].map(([flag, name]) => [entry({ encoding: flag as number }), `entry encoding flag ${name}`, BODY])

const flaggedExtension: Case = [
  { ...entry({}), extensions: [{ type: 1, flags: 3, content: 'here' }] }, 'extension 1 (position) with flags 3', BODY,
]

const extensions: Case[] = [
  [2, '2 (replication)'], [3, '3'], [127, '127'],
].map(([type, name]) => [
  { ...entry({}), extensions: [{ type: type as number, content: 'sixteen bytes, 1' }] }, `extension ${name}`, BODY,
])

describe('REC-7: a log with a reserved code is refused by name, and nothing is changed', () => {
  for (const [frame, what, shift] of [
    ...frameTypes, ...frameFlags, ...entryKinds, ...versionFlags, ...encodingFlags, ...extensions, flaggedExtension,
  ]) {
    it(what, () => refuses(craftedDir(frame), 'UNSUPPORTED_FORMAT', `${what}${NEWER}`, shift))
  }

  it('also where its body is torn, or is not there: it is never taken for a torn tail', async () => {
    const frame = { ...entry({}), type: FrameType.exportRecords }
    const what = `frame type 7 (exportRecords)${NEWER}`
    const damaged = craftedDir(frame, (log, at) => (log.fill(0xaa, at + BODY, at + BODY + 8), log))
    await refuses(damaged, 'UNSUPPORTED_FORMAT', what, 0)
    await refuses(craftedDir(frame, (log, at) => log.subarray(0, at + BODY)), 'UNSUPPORTED_FORMAT', what, 0)
  })

  it('a predecessor frame with something in the place of its zeros, too', async () => {
    const crafted = craftedDir(entry({}))
    const bytes = readFileSync(path.join(crafted.dir, crafted.log)).fill(0, FILE_HEADER_BYTES)
    const { craft } = LogCraft.behind(bytes)
    const at = craft.frame({ type: FrameType.predecessor, entries: [{ key: 'k'.repeat(8), value: 'v'.repeat(16) }] })
    writeFileSync(path.join(crafted.dir, crafted.log), craft.finish())
    await refuses({ ...crafted, at }, 'UNSUPPORTED_FORMAT', `predecessor frame with more than zeros${NEWER}`, BODY + 20)
  })

  it('a predecessor frame of another length, too: the first batch has its place', async () => {
    const crafted = craftedDir(entry({}))
    for (const entries of [[{ key: 'k'.repeat(8), value: 'v'.repeat(24) }], [{ key: 'k'.repeat(8), value: '' }]]) {
      const bytes = readFileSync(path.join(crafted.dir, crafted.log)).fill(0, FILE_HEADER_BYTES)
      const { craft } = LogCraft.behind(bytes)
      const at = craft.frame({ type: FrameType.predecessor, entries })
      writeFileSync(path.join(crafted.dir, crafted.log), craft.finish())
      const bodyBytes = craft.end - at - BODY
      const what = `predecessor frame with a body of ${bodyBytes} bytes${NEWER}`
      await refuses({ ...crafted, at }, 'UNSUPPORTED_FORMAT', what, 0)
    }
  })

  it('in values apart, too', () =>
    refuses(
      craftedDir({ flags: APART, entries: [{ encoding: checksum | keyspace, key: 'k', value: 'v', keyspaceId: 7 }] }),
      'UNSUPPORTED_FORMAT', `entry encoding flag 1 (keyspace)${NEWER}`, BODY,
    ))
})

const flagged = (kind: number, flag: number) => entry({ kind: kind | flag })
const { expiry, packed } = VersionFlag
const { value } = EntryKind
const { tombstone, rangeTombstone } = EntryKind

const nobodyWrites: Case[] = [
  [flagged(tombstone, expiry), 'entry kind 2 (tombstone) with version flag 0x10 (expiry)', BODY],
  [flagged(tombstone, packed), 'entry kind 2 (tombstone) with version flag 0x20 (packed)', BODY],
  [flagged(rangeTombstone, packed), 'entry kind 4 (rangeTombstone) with version flag 0x20 (packed)', BODY],
  [flagged(EntryKind.commit, expiry), 'entry kind 7 (commit) with version flag 0x10 (expiry)', BODY],
  [flagged(value, expiry), 'an expiry that is 0, or 2^53 or more', BODY],
  [entry({ kind: EntryKind.valueHandle | expiry, expiry: 7 }), 'a value handle of 5 bytes', BODY],
  [entry({ kind: EntryKind.valueHandle }), 'a value handle of 5 bytes', BODY],
  [entry({ kind: EntryKind.valueHandle, value: '\0'.repeat(20) }), 'a value handle without a file', BODY],
  [
    { flags: APART, ...entry({ kind: EntryKind.valueHandle, encoding: checksum, value: 'v'.repeat(20) }) },
    'a value handle with the checksum of a value', BODY,
  ],
  [entry({ encoding: checksum }), 'a value has a checksum of its own, but its frame does not say so', BODY],
  [{ flags: APART, ...entry({}) }, 'no value is apart in a frame that says so', 0],
  [
    { flags: APART, ...entry({ kind: tombstone, encoding: checksum }) },
    'a tombstone with the checksum of a value', BODY,
  ],
  [
    { type: FrameType.predecessor, entries: [{ key: 'k'.repeat(8), value: 'v'.repeat(16) }] },
    'predecessor frame behind other frames', 0,
  ],
  [
    { extensions: [{ type: 1, content: 'one' }, { type: 1, content: 'two' }] },
    'extension 1 behind extension 1', BODY + 8,
  ],
  [
    { extensions: [{ type: 200, content: '' }, { type: 1, content: '' }] },
    'extension 1 behind extension 200', BODY + 4,
  ],
  [{ extensions: [{ type: 1, content: 'p'.repeat(4097) }] }, 'position of 4097 bytes', BODY],
]

describe('a log with what no version writes is corrupt', () => {
  for (const [frame, what, shift] of nobodyWrites) {
    it(what, () => refuses(craftedDir(frame), 'CORRUPTION', what, shift))
  }
})

describe('an ingest note', () => {
  /** A log that goes on with these frames right behind the first one. */
  function noteDir(...frames: CraftedFrame[]): Crafted {
    const crafted = craftedDir(entry({}))
    const file = path.join(crafted.dir, crafted.log)
    const { craft } = LogCraft.behind(readFileSync(file).fill(0, SECOND_FRAME))
    const [at] = frames.map((frame) => craft.frame(frame))
    writeFileSync(file, craft.finish(64))
    return { ...crafted, at: at! }
  }
  const note: CraftedFrame = { type: FrameType.ingestNote, firstSeqNum: 1, count: 1 }

  it('stands behind the first frame, and nowhere else', () =>
    refuses(craftedDir({ ...note, entries: [] }), 'CORRUPTION', 'ingest note behind other frames', 0))

  it('has no extensions', () => {
    const crafted = noteDir({ ...note, extensions: [{ type: 1, content: 'here' }] })
    return refuses(crafted, 'UNSUPPORTED_FORMAT', `ingest note with extensions${NEWER}`, 0)
  })

  it('is cut off where the manifest has no such edit, and is damage where frames stand behind it', async () => {
    const alone = noteDir(note)
    for (const readOnly of [true, false]) {
      const db = await Varve.open(alone.dir, { ...OPTIONS, readOnly })
      assert.deepEqual([...db.keysSync()], [])
      await db.close()
    }
    const { dir, log, at } = noteDir(note, { ...entry({}), firstSeqNum: 2 })
    const before = filesState(dir)
    for (const readOnly of [true, false]) {
      const found = await refusal(dir, readOnly)
      assert.match(found, /^CORRUPTION: .* tables from outside with sequence number 1, of which the manifest has none/)
      assert.ok(found.includes(`${log} at offset `) && at === SECOND_FRAME)
    }
    assert.deepEqual(filesState(dir), before)
  })

  it('with a body that nobody writes is no note', () => {
    const stretches = [{ entryCount: 3, lower: Buffer.from('a'), upper: Buffer.from('c'), isUpperInside: true }]
    const { body, count } = encodeNote(stretches)
    assert.deepEqual(plainNote(decodeNote(body, 0, body.length, count)), plainNote(stretches))
    const broken = (change: (bytes: Uint8Array) => Uint8Array, noted = count) => () => {
      const bytes = change(body.slice())
      decodeNote(bytes, 0, bytes.length, noted)
    }
    const set = (at: number, value: number) => broken((bytes) => (bytes[at] = value, bytes))
    assert.throws(set(8, 3), /upper bound of kind 3/)
    assert.throws(set(12, 1), BadBytes)
    assert.throws(set(7, 0xff), BadBytes, 'an entry count of 2^56')
    assert.throws(set(18, 2), BadBytes, 'a bound longer than a key may be')
    assert.throws(broken((bytes) => bytes, 2), BadBytes, 'fewer stretches than it says')
    assert.throws(broken((bytes) => bytes, 0), /bytes behind the last stretch/)
    for (let length = 0; length < body.length; length++) {
      assert.throws(broken((bytes) => bytes.subarray(0, length)), BadBytes, `${length} bytes`)
    }
  })
})

const plainNote = (stretches: readonly NotedStretch[]) =>
  stretches.map(({ lower, upper, ...rest }) => ({ lower: `${textOf(lower)}`, upper: textOf(upper), ...rest }))
const textOf = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString())

describe('what readers take though nobody writes it yet', () => {
  const large = 'large '.repeat(1000)
  const apart: CraftedFrame = {
    flags: APART,
    entries: [
      { encoding: checksum, key: 'large', value: large }, { kind: EntryKind.tombstone, key: 'a' },
      { encoding: checksum, key: 'empty', value: '' },
    ],
  }

  it('values apart are read, flushed and followed', async () => {
    const crafted = craftedDir(apart)
    assert.deepEqual(await dumpProblems(crafted), [])
    for (const readOnly of [true, false]) {
      const db = await Varve.open(crafted.dir, { ...OPTIONS, readOnly })
      const entries = [...db.entriesSync()].map((pair) => pair.map((bytes) => Buffer.from(bytes).toString()))
      assert.deepEqual(entries, [['b', 'of b'], ['c', 'of c'], ['empty', ''], ['large', large]])
      if (!readOnly) {
        const last = (await readBatches(db, PIN)).at(-1)!
        assert.equal(last.seqNum, 4)
        assert.deepEqual(
          keyOperations([last]).map(({ type, key, value }) => [type, Buffer.from(key).toString(), value.length]),
          [['put', 'large', 6000], ['del', 'a', 0], ['put', 'empty', 0]],
        )
      }
      await db.close()
    }
  })

  it('a value apart that is damaged ends history, as any bad frame does', async () => {
    const { dir } = craftedDir(apart, (log, at) => ((log[at + BODY + 100]! ^= 1), log))
    const db = await Varve.open(dir, OPTIONS)
    assert.equal([...db.keysSync()].length, 3)
    await db.close()
  })

  it('extensions from 128 on are skipped', async () => {
    const notes = [{ type: 128, content: 'a note' }, { type: 255, content: '' }]
    const crafted = craftedDir({ ...entry({}), extensions: [{ type: 1, content: 'here' }, ...notes] })
    assert.deepEqual(await dumpProblems(crafted), [])
    const db = await Varve.open(crafted.dir, OPTIONS)
    assert.equal(Buffer.from((await db.get('key'))!).toString(), 'value')
    assert.equal(Buffer.from(db.position!).toString(), 'here')
    await db.close()
  })
})
