/** Every value that tables point to is read, and what is wrong is told with file, offset and key. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeDatabase, valueOf } from '../../test/support/databases/value-databases.js'
import type { MadeDatabase, MadeEntry } from '../../test/support/databases/value-databases.js'
import { systemClock, Turns, VarveError } from '../base/index.js'
import { MemoryVfs } from '../testing.js'
import { resolveOptions } from '../engine/options.js'
import { openReadOnly } from '../open/read-only.js'
import { checkValues } from './value-check.js'

const DIR = '/db'

type Damage = (vfs: MemoryVfs, made: MadeDatabase) => void

async function problemsOf(entries: MadeEntry[], damage: Damage = () => undefined) {
  const vfs = new MemoryVfs()
  vfs.mkdirSync(DIR)
  const made = makeDatabase(vfs, DIR, { entries })
  damage(vfs, made)
  const view = await openReadOnly(DIR, vfs, resolveOptions({ readOnly: true }, 4096))
  const problems: VarveError[] = []
  await checkValues(view.state, new Turns(systemClock), (error) => problems.push(error as VarveError))
  await view.close()
  return { made, problems: problems.map(({ code, file, offset, message }) => ({ code, file, offset, message })) }
}

const entries: MadeEntry[] = Array.from({ length: 30 }, (_, i) => {
  const length = [20, 600, 5000, 150_000, 1_500_000][i % 5]!
  return { key: `k${i + 10}`, value: valueOf(length, i), ...(i % 5 === 0 ? {} : { log: i % 2 === 0 ? 12 : 14 }) }
})

test('a whole database has no wrong value', async () => {
  assert.deepEqual((await problemsOf(entries)).problems, [])
})

test('each wrong value is told once, whatever its length, and so is each wrong handle', async () => {
  const bad = [7, 8, 9, 21, 22, 24]
  const lies: Record<number, MadeEntry['lies']> = {
    7: { offset: 2 ** 31 }, 21: { checksum: 1 }, 24: { length: 1_499_999 },
  }
  const lying = entries.map((entry, i) => (lies[i] === undefined ? entry : { ...entry, lies: lies[i] }))
  const { problems, made } = await problemsOf(lying, (vfs, { places }) => {
    for (const i of [8, 9, 22]) {
      const { log, key } = entries[i]!
      const { offset, length } = places.get(key)!
      const file = vfs.openSync(`${DIR}/${log === 12 ? '000012.wal' : '000014.vlog'}`, 'write')
      const byte = new Uint8Array(1)
      file.readSync(byte, 0, 1, offset + length - 1)
      byte[0]! ^= 4
      file.writeSync(byte, 0, 1, offset + length - 1)
      file.closeSync()
    }
  })
  assert.deepEqual(problems.map(({ message }) => /"(k\d+)"/.exec(message)![1]).sort(), bad.map((i) => `k${i + 10}`))
  assert.ok(problems.every(({ code }) => code === 'CORRUPTION'))
  const eighth = problems.find(({ message }) => message.includes('k18'))!
  assert.deepEqual([eighth.file, eighth.offset], ['000012.wal', made.places.get('k18')!.offset])
})
