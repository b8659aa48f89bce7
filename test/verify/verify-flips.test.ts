/** Every byte of a small database that has everything: verify names the file in which it was changed. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { Varve } from '../../src/index.js'
import type { Problem, VerifyLevel, VerifyReport } from '../../src/index.js'
import { FULL_DIR, makeFullDatabase } from '../support/databases/full-database.js'
import { takeImage, vfsOf, withFile } from '../support/databases/vfs-image.js'
import type { Image } from '../support/databases/vfs-image.js'
import { Draw, isWholeRun } from '../support/harness/share.js'

let image: Image

before(async () => {
  image = await makeFullDatabase(1)
})

function verify(files: Image, level: VerifyLevel): Promise<VerifyReport> {
  return Varve.verify(FULL_DIR, { level, vfs: vfsOf(files, FULL_DIR) })
}

function textOf(problems: readonly Problem[]): string {
  return problems.map(({ severity, file, message }) => `${severity} ${file}: ${message}`).join('\n')
}

test('the database as it was written has no problem at any level, and stays as it is (V4, VER-1)', async () => {
  for (const level of ['quick', 'full', 'deep'] as const) {
    const vfs = vfsOf(image, FULL_DIR)
    const report = await Varve.verify(FULL_DIR, { level, vfs })
    assert.equal(textOf(report.problems), '')
    assert.ok(report.ok)
    assert.deepEqual(takeImage(vfs, FULL_DIR), image)
    if (level === 'quick') continue
    const bytes = [...image.values()].reduce((sum, file) => sum + file.length, 0)
    assert.equal(report.checkedBytes, bytes, 'every byte of every file was checked once (VER-4)')
  }
})

test('files that are not part of the database are waste, and no damage (VER-9)', async () => {
  const files = new Map(image)
  const table = [...image.keys()].find((name) => name.endsWith('.table'))!
  const extra = ['000400.table.tmp.1.2', '000001.manifest', 'marker.000001.000001', 'LOG.old', '000399.table']
  for (const name of extra) files.set(name, image.get(table)!.subarray(0, 500))
  for (const level of ['quick', 'full', 'deep'] as const) {
    const { ok, problems } = await verify(files, level)
    assert.ok(ok)
    assert.deepEqual(problems.map(({ file, severity }) => `${severity} ${file}`).sort(),
      extra.map((name) => `waste ${name}`).sort(), level)
  }
})

test('damage on one file hides none of another', async () => {
  const tables = [...image.keys()].filter((name) => name.endsWith('.table'))
  const files = new Map(image)
  for (const name of tables) {
    const bytes = image.get(name)!.slice()
    bytes[200]! ^= 1
    files.set(name, bytes)
  }
  files.delete(tables[0]!)
  const { ok, problems } = await verify(files, 'full')
  assert.equal(ok, false)
  for (const name of tables) assert.ok(problems.some(({ file }) => file === name), name)
  assert.equal(problems.find(({ file }) => file === tables[0])!.code, 'MISSING_FILE')
  for (const { consequence, advice } of problems) assert.ok(consequence !== '' && advice !== '')
})

/** The offsets to change: all; only some of those in a large value or in a stretch of zeros. */
function* offsetsOf(bytes: Uint8Array): Generator<number> {
  for (let at = 0; at < bytes.length; at++) {
    const isValue = bytes.length > 60_000 && at > 1024 && at < bytes.length - 1024
    const isZero = bytes[at] === 0 && bytes[at - 1] === 0 && bytes[at - 8] === 0
    if (at % (isValue || isZero ? 97 : isWholeRun ? 1 : 7) === 0) yield at
  }
}

test('a changed byte is told, with the file that has it (V1, V7, VER-4)', async () => {
  const draw = new Draw('verify flips')
  const missed: string[] = []
  for (const [name, bytes] of image) {
    for (const at of offsetsOf(bytes)) {
      if (!draw.takes()) continue
      const changed = bytes.slice()
      changed[at]! ^= 1 << at % 8
      const { problems } = await verify(withFile(image, name, changed), 'full')
      if (!problems.some(({ file }) => file === name)) missed.push(`${name} at ${at}:\n${textOf(problems)}`)
    }
  }
  assert.deepEqual(missed, [])
})
