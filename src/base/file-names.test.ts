import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  LOCK_FILE_NAME, lockGenerationFileName, lockSocketFileName, logFileName, manifestFileName, markerFileName,
  parseFileName,
  probeFileName, tableFileName, tempFileName,
} from './file-names.js'
import { NAME_NUMBER_MAX } from './limits.js'
import { SeededRandom } from './random.js'

const numbers = [0, 1, 9, 999_999, 1_000_000, 123_456_789, NAME_NUMBER_MAX]

test('every name that is made is parsed to what it was made of', () => {
  for (const n of numbers) {
    assert.deepEqual(parseFileName(logFileName(n)), { kind: 'log', fileNum: n })
    assert.deepEqual(parseFileName(tableFileName(n)), { kind: 'table', fileNum: n })
    assert.deepEqual(parseFileName(manifestFileName(n)), { kind: 'manifest', fileNum: n })
    assert.deepEqual(parseFileName(tempFileName(tableFileName(n), '12.3456')), { kind: 'temp', fileNum: n })
    for (const name of [logFileName(n), logFileName(n).replace('wal', 'vlog')]) {
      assert.deepEqual(parseFileName(`${name}.tmp.12.3456`), { kind: 'temp', fileNum: n })
    }
    assert.deepEqual(parseFileName(lockGenerationFileName(n)), { kind: 'lock', generation: n })
    for (const m of numbers) {
      assert.deepEqual(parseFileName(markerFileName(m, n)), { kind: 'marker', iteration: m, fileNum: n })
    }
  }
  assert.deepEqual(parseFileName(LOCK_FILE_NAME), { kind: 'lock', generation: null })
  assert.deepEqual(parseFileName(lockSocketFileName('12.34')), { kind: 'lock', generation: null })
  assert.deepEqual(parseFileName(probeFileName('1.2')), { kind: 'probe' })
})

test('names sort as their numbers, up to a million files', () => {
  assert.equal(logFileName(7), '000007.wal')
  assert.ok(logFileName(99_999) < logFileName(100_000))
})

const digits = (fileNum: number) => logFileName(fileNum).slice(0, -'.wal'.length)

/** True when the name does not parse, or is the one spelling that Varve writes: a file must not have two names. */
function isSpelledOurWay(name: string): boolean {
  const parsed = parseFileName(name)
  if (parsed === null) return true
  switch (parsed.kind) {
    case 'log': return name === logFileName(parsed.fileNum)
    case 'table': return name === tableFileName(parsed.fileNum)
    case 'manifest': return name === manifestFileName(parsed.fileNum)
    case 'vlog': return name === `${digits(parsed.fileNum)}.vlog`
    case 'marker': return name === markerFileName(parsed.iteration, parsed.fileNum)
    case 'lock':
      if (parsed.generation !== null) return name === lockGenerationFileName(parsed.generation)
      return name === LOCK_FILE_NAME || /^varve\.lock\.socket\.\d+\.\d+$/.test(name)
    case 'temp': return new RegExp(`^${digits(parsed.fileNum)}\\.(wal|vlog|table)\\.tmp\\.`).test(name)
    case 'probe': return name.startsWith('probe.tmp.')
  }
}

test('nothing else is ours', () => {
  const foreign = [
    '', '.', '..', 'a', 'LOCK', 'Lock', 'lock', 'lock.000000000001', 'varve.lock.', 'varve.lock.1', 'varve.LOCK',
    'varve.lock.0000000000001', 'varve.lock.00000000000a', 'varve.lock.socket', 'varve.lock.socket.1', '00001.wal',
    '0000001.wal', '000001.LOG', '000001.wal ', ' 000001.wal', '000001.wal\n', '\n000001.wal', '000001.wal.',
    '000001.wal.bak', '000001.logs', '000001', '.wal', '-00001.wal', '+00001.wal', '0x0001.wal', '00001e.wal',
    '９99999.wal', '٠٠٠٠٠١.wal', '000001.sst', '._000001.table', '000001.table.tmp', '000001.table.tmp.1',
    '000001.table.tmp.1.', '000001.table.tmp.1.2.3', '000001.table.tmp.a.b', '000001.log.tmp.1.2',
    '000001.manifest.tmp.1.2', 'marker',
    'marker.000001', 'marker.1.000001', 'marker.000001.1', 'marker.000001.000002.', 'marker.000001.000002.000003',
    'probe', 'probe.tmp', 'probe.tmp.1', 'probe.tmp.1.2.3', '../000001.wal', 'a/000001.wal', '000001.wal\0',
    '000001.log', '281474976710656.wal', '9007199254740991.table', '99999999999999999999.wal',
    'marker.9007199254740991.000001', 'marker.000001.281474976710656', 'varve.lock.281474976710656',
    `${'0'.repeat(100)}1.wal`, '000001.vlog.tmp', '.DS_Store', 'LOG', 'CURRENT',
  ]
  for (const name of foreign) assert.equal(parseFileName(name), null, JSON.stringify(name))
})

test('a name with one character changed is not ours, or is another name that we spell so', () => {
  const random = new SeededRandom(1, 'names')
  const samples = [LOCK_FILE_NAME, lockGenerationFileName(9), logFileName(12), tableFileName(345_678)]
  samples.push(lockSocketFileName('7.8'), markerFileName(3, 12), manifestFileName(1))
  samples.push(tempFileName(tableFileName(4), '77.88'), probeFileName('5.6'))
  for (const sample of samples) {
    for (let at = 0; at <= sample.length; at++) {
      for (const change of ['0', '7', '.', 'a', 'L', ' ', '', String.fromCharCode(random.below(300))]) {
        for (const kept of [at, at + 1]) {
          const name = sample.slice(0, at) + change + sample.slice(kept)
          assert.ok(isSpelledOurWay(name), JSON.stringify(name))
        }
      }
    }
  }
})
