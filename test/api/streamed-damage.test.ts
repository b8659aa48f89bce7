/** VLG-15, VLG-6: files of streamed values that are missing, cut, exchanged or damaged while only a log names them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FILE_HEADER_BYTES, runSync } from '../../src/base/index.js'
import { Varve, VarveError } from '../../src/index.js'
import type { VarveOptions } from '../../src/index.js'
import { readStreamed } from '../../src/open/streamed-values.js'
import { MemoryVfs } from '../../src/testing.js'
import { valueHeadBytes } from '../../src/vlog/index.js'
import { SMALL } from '../support/databases/databases.js'
import { takeImage, vfsOf, withFile } from '../support/databases/vfs-image.js'
import type { Image } from '../support/databases/vfs-image.js'
import { Draw } from '../support/harness/share.js'

const DIR = '/db'
const LENGTH = 70_000
const value = new Uint8Array(LENGTH).map((_, i) => i * 7)
const other = new Uint8Array(LENGTH + 8).fill(3)

const openIn = (vfs: MemoryVfs, options: VarveOptions = {}): Promise<Varve> =>
  Varve.open(DIR, { ...SMALL, flushOnClose: false, ...options, components: { vfs } })

/** A database with two streamed values that only its log names. */
async function makeImage(): Promise<{ image: Image; files: string[] }> {
  const vfs = new MemoryVfs()
  const db = await openIn(vfs)
  await db.putStream('key', [value])
  await db.putStream('other', [other])
  await db.put('small', 'x')
  await db.close()
  const image = takeImage(vfs, DIR)
  return { image, files: [...image.keys()].filter((name) => name.endsWith('.vlog')) }
}

/** Refused both ways, and nothing is changed. */
async function refused(image: Image, codes: string[], file: string): Promise<void> {
  for (const readOnly of [true, false]) {
    const vfs = vfsOf(image, DIR)
    const before = takeImage(vfs, DIR)
    const error: unknown = await openIn(vfs, { readOnly }).then(() => 'it opens', (reason: unknown) => reason)
    assert.ok(VarveError.is(error), String(error))
    assert.ok(codes.includes(error.code), `${error.code}: ${error.message}`)
    assert.equal(error.file, file)
    const after = takeImage(vfs, DIR)
    for (const [name, bytes] of before) {
      if (!name.startsWith('varve.lock')) assert.deepEqual(after.get(name), bytes, name)
    }
  }
}

test('a file that is missing refuses the open: MISSING_FILE', async () => {
  const { image, files } = await makeImage()
  for (const file of files) {
    const without = new Map(image)
    without.delete(file)
    await refused(without, ['MISSING_FILE'], file)
  }
})

test('a file that is cut, or the file of another value or database, refuses the open', async () => {
  const { image, files: [first, second] } = await makeImage()
  const bytes = image.get(first!)!
  for (const length of [0, 5, FILE_HEADER_BYTES, FILE_HEADER_BYTES + 40, 1000, bytes.length - 41, bytes.length - 1]) {
    await refused(withFile(image, first!, bytes.slice(0, length)), ['CORRUPTION'], first!)
  }
  await refused(withFile(image, first!, image.get(second!)!), ['CORRUPTION'], first!)
  const { image: foreign } = await makeImage()
  await refused(withFile(image, first!, foreign.get(first!)!), ['CORRUPTION'], first!)
})

test('whatever byte of the file is wrong: the right value, or an error that says so; others are readable', async () => {
  const { image, files: [file] } = await makeImage()
  const bytes = image.get(file!)!
  const head = FILE_HEADER_BYTES + valueHeadBytes(3)
  const draw = new Draw('damage of a streamed value')
  let refusals = 0
  for (let at = 0; at < bytes.length; at += at < head || at >= head + LENGTH - 8 ? 1 : 997) {
    if (at >= FILE_HEADER_BYTES + 40 && !draw.takes()) continue
    const changed = bytes.slice()
    changed[at]! ^= 0x10
    for (const readOnly of [true, false]) {
      const vfs = vfsOf(withFile(image, file!, changed), DIR)
      let db: Varve
      try {
        db = await openIn(vfs, { readOnly })
      } catch (error) {
        assert.ok(VarveError.is(error) && ['CORRUPTION', 'UNSUPPORTED_FORMAT'].includes(error.code), String(error))
        refusals++
        continue
      }
      try {
        assert.deepEqual(await db.get('key'), value, `byte ${at}`)
        assert.ok(at < head || at >= head + LENGTH, `byte ${at} of the value is wrong`)
      } catch (error) {
        assert.ok(VarveError.is(error), String(error))
        assert.deepEqual([error.code, error.file], ['CORRUPTION', file])
        assert.match(error.message, /key "key"/)
      }
      assert.deepEqual(await db.get('other'), other)
      assert.ok(db.hasSync('small'))
      await db.close()
    }
  }
  assert.ok(refusals > 100, `${refusals} refusals`)
})

test('two entries that name one file, or one that a version lists, are CORRUPTION', async () => {
  const { image, files } = await makeImage()
  const vfs = vfsOf(image, DIR)
  const db = await openIn(vfs, { readOnly: true })
  const { readView } = db as unknown as {
    readView: { sight: { databaseId: Uint8Array; replayed: { streamed: unknown[] } } }
  }
  const { databaseId, replayed } = readView.sight
  const memtables = (db as unknown as { readView: { state: { memtables: never[] } } }).readView.state.memtables
  const place = { vfs, dir: DIR, databaseId, listed: new Map() }
  assert.equal(replayed.streamed.length, files.length)
  assert.equal(runSync(readStreamed(memtables, place)).length, files.length)
  const message = /names 0000\d\d\.vlog, which has another owner/
  assert.throws(() => runSync(readStreamed([...memtables, ...memtables], place)), message)
  const listed = new Map([[Number.parseInt(files[1]!, 10), null]])
  assert.throws(() => runSync(readStreamed(memtables, { ...place, listed })), message)
  await db.close()
})
