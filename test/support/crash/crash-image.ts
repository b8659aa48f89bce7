/**
 * What: one disk as a crash left it: its hash, and the check of the database on it.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { SeededRandom } from '../../../src/base/index.js'
import type { Varve } from '../../../src/index.js'
import type { SimVfs } from '../../../src/testing.js'
import { checkFiles } from './crash-files.js'
import { matchSeen, readState } from './crash-read.js'
import { keyBytes } from './crash-values.js'
import { matchState } from '../model/oracle.js'
import type { Batch, Expectation, Oracle, SeenState } from '../model/oracle.js'
import { atRest, DIR, openOn, toOps, valueOf } from '../model/workload.js'
import type { OpenOptions } from '../model/workload.js'

/** Hashes names and contents as a process finds them. */
export function hashDisk(vfs: SimVfs, dir = '/'): string {
  const hash = createHash('sha1')
  hashDirectory(vfs, dir, hash)
  return hash.digest('hex')
}

function hashDirectory(vfs: SimVfs, dir: string, hash: ReturnType<typeof createHash>): void {
  for (const name of vfs.listSync(dir).sort()) {
    const path = vfs.join(dir, name)
    const { kind, size } = vfs.statSync(path)!
    hash.update(`${name}\n${kind} ${size}\n`)
    if (kind === 'directory') hashDirectory(vfs, path, hash)
    if (kind !== 'file') continue
    const bytes = new Uint8Array(size)
    const file = vfs.openSync(path, 'read')
    file.readSync(bytes, 0, size, 0)
    file.closeSync()
    hash.update(bytes)
  }
}

/**
 * Opens the database: it opens, shows a legal state, leaves no file behind that nobody needs, and is usable: it is
 * closed and opened again, or written, crashed and opened again (`seed` decides). The machine is used up.
 */
export async function checkImage(
  image: SimVfs, oracle: Oracle, expected: Expectation, options: OpenOptions & { seed: number },
): Promise<SeenState> {
  const { seed } = options
  const db = await openOn(image, options)
  const seen = readState(db, oracle.keys, image.clock.wallMs())
  const matched = matchState(seen, expected)
  await atRest(image, options.settings)
  const names = checkFiles(image, DIR)
  const fork = oracle.fork(expected, matched)
  if (seed % 2 === 0) await checkAgain(image, db, fork, { options, names })
  else await checkUsable(image, db, fork, options)
  return seen
}

/** A1, A9: the database, closed and opened again, shows the same, with as many files. */
async function checkAgain(
  image: SimVfs, db: Varve, oracle: Oracle, { options, names }: { options: OpenOptions; names: string[] },
): Promise<void> {
  await db.close()
  assert.equal(image.openFileCount, 0, 'open handles after close')
  const again = await openOn(image, options)
  matchSeen(again, oracle, image.clock.wallMs(), oracle.expect('power'))
  await atRest(image, options.settings)
  assert.deepEqual(countKinds(checkFiles(image, DIR)), countKinds(names), 'a reopen leaves as many files')
  assertClean(image)
  image.crash('none', 1)
}

function countKinds(names: string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) {
    const kind = name.replace(/[\d.]+/g, '')
    counts[kind] = (counts[kind] ?? 0) + 1
  }
  return counts
}

/** A10: what is written now survives another crash, and nothing old comes in front of it. */
async function checkUsable(
  image: SimVfs, db: Varve, oracle: Oracle, options: OpenOptions & { seed: number },
): Promise<void> {
  const { seed } = options
  const random = new SeededRandom(seed, 'after')
  const known = [...oracle.keys]
  const [first, second] = [pick(random, known), pick(random, known)]
  const put = oracle.begin([{ key: first, length: 90 }])
  db.putSync(keyBytes(first), valueOf(put, 0)!, { ttl: null })
  oracle.ack(put, false)
  const batch = oracle.begin([{ key: second, length: null }, { key: 'after', length: 60, ttl: null }])
  await db.batch(toOps(batch), { sync: true })
  oracle.ack(batch, true)
  const last = oracle.begin([{ key: 'last', length: 40 }])
  db.putSync('last', valueOf(last, 0)!, { ttl: null })
  oracle.ack(last, false)
  const isKill = seed % 4 === 1
  assertClean(image)
  const expected = oracle.expect(isKill ? 'process' : 'power')
  const next = isKill ? image.kill(seed) : image.crash(random.chance(0.5) ? 'none' : 'random50', seed)
  const reopened = await openOn(next, options)
  matchSeen(reopened, oracle, next.clock.wallMs(), expected)
  assertClean(next)
  next.crash('none', 1)
}

function pick(random: SeededRandom, keys: readonly string[]): string {
  return keys.length === 0 ? 'only' : random.pick(keys)
}

function assertClean(vfs: SimVfs): void {
  assert.deepEqual([...vfs.violations], [], 'rules for handles')
}

/** Describes the newest batches first, for messages. */
export function describeExpectation({ batches, atLeast }: Expectation): string {
  const text = (batch: Batch | undefined) => (batch === undefined ? 'none' : `${batch.id} (${batch.outcome})`)
  return `${batches.length} batches, last ${text(batches.at(-1))}; at least up to ${text(batches[atLeast - 1])}`
}
