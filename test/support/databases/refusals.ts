/** What a directory with a crafted file gives to each way in, and that none of them changes a byte of it. */
import assert from 'node:assert/strict'
import { bytesSource, describeLog } from '../../../src/dump/index.js'
import type { Section } from '../../../src/dump/index.js'
import { Varve, VarveError } from '../../../src/index.js'
import { describeManifest } from '../../../src/manifest/index.js'
import { describeTable } from '../../../src/sstable/index.js'
import { MemoryVfs } from '../../../src/testing.js'
import { SMALL, text } from './databases.js'
import { takeImage, vfsOf } from './vfs-image.js'
import type { Image } from './vfs-image.js'

const DIR = '/db'

/** A database that was killed: a table, a synced log, and a manifest that lists both. */
export async function killedImage(): Promise<Image> {
  const vfs = new MemoryVfs()
  const db = await Varve.open(DIR, { ...SMALL, components: { vfs } })
  await db.put('a', 'in the table')
  await db.flush()
  await db.put('b', 'in the log', { sync: true })
  const image = takeImage(vfs, DIR)
  await db.close()
  return withoutLock(image)
}

/** The files but for those of the lock, whose record an open leaves behind. */
function withoutLock(image: Image): Image {
  return new Map([...image].filter(([name]) => !name.includes('lock')))
}

/** The name of the one file with this ending that the image has, or of the last one. */
export function nameIn(image: Image, ending: string): string {
  return [...image.keys()].filter((name) => name.endsWith(ending)).at(-1)!
}

/** `opens`, or the error as text; the contents are looked at, and what may not change has not. */
export async function outcome(image: Image, readOnly: boolean): Promise<string> {
  const vfs = vfsOf(image, DIR)
  let result = 'opens'
  try {
    const db = await Varve.open(DIR, { ...SMALL, createIfMissing: false, readOnly, components: { vfs } })
    assert.deepEqual([text(db.getSync('a')), text(db.getSync('b'))], ['in the table', 'in the log'])
    await db.close()
  } catch (error) {
    if (!VarveError.is(error)) throw error
    result = `${error.code}: ${error.message}`
  }
  if (readOnly || result !== 'opens') assert.deepEqual(withoutLock(takeImage(vfs, DIR)), image, 'nothing is changed')
  return result
}

/** The first problem that a dump of the file tells; '' when there is none. */
export function dumpProblem(image: Image, name: string): string {
  for (const { problems: [problem] } of sectionsOf(image, name)) if (problem !== undefined) return problem.message
  return ''
}

function sectionsOf(image: Image, name: string): Iterable<Section> {
  if (name.endsWith('.table')) {
    return describeTable({ file: vfsOf(image, DIR).openSync(`${DIR}/${name}`, 'read'), name })
  }
  const source = bytesSource(image.get(name)!)
  return name.endsWith('.wal') ? describeLog(source, name) : describeManifest(source, name)
}

/** Both ways in refuse the image with this message, which a dump of the file gives too. */
export async function assertRefused(image: Image, name: string, message: string): Promise<void> {
  for (const readOnly of [true, false]) assert.equal(await outcome(image, readOnly), `UNSUPPORTED_FORMAT: ${message}`)
  assert.equal(dumpProblem(image, name), message)
}

/** Both ways in open it, and a dump has nothing to say against it. */
export async function assertOpens(image: Image, name: string): Promise<void> {
  for (const readOnly of [true, false]) assert.equal(await outcome(image, readOnly), 'opens')
  assert.equal(dumpProblem(image, name), '')
}
