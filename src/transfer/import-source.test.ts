/** How an import reads what it is given: in parts, and without closing a file under a read. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../base/index.js'
import { ProgressMeter } from '../report/index.js'
import { MemoryVfs } from '../testing.js'
import type { Vfs } from '../vfs/index.js'
import { checkPlan } from './import-call.js'
import { ImportSieve, streamEntries } from './import-entries.js'
import { openInputFile } from './import-source.js'

test('what a source gives at once is parsed and handed on in parts', async () => {
  const line = `{"k":"some key","v":"${'x'.repeat(500)}"}\n`
  const piece = new TextEncoder().encode(line.repeat(1000))
  const input = { name: 'the stream', size: null, next: async () => null, end: async () => undefined }
  const plan = checkPlan({ format: 'jsonl' })
  const sieve = new ImportSieve(systemClock, null)
  const entries = streamEntries(
    { input, first: piece, format: 'jsonl' }, plan, sieve, new ProgressMeter(systemClock, undefined))
  const { value } = await entries.next()
  assert.ok(value !== undefined && value.count > 0 && value.count < 200, `${value?.count} entries at once`)
})

test('a file is not closed under a read', async () => {
  const memory = new MemoryVfs()
  await memory.open('/file', 'create').then(async (file) => {
    await file.write(new Uint8Array(5 << 20), 0, 5 << 20, 0)
    await file.close()
  })
  let reading = 0
  const vfs = new Proxy(memory, {
    get(target, property) {
      const value = Reflect.get(target, property) as unknown
      if (property !== 'open') return typeof value === 'function' ? (value.bind(target) as unknown) : value
      return async (...args: Parameters<Vfs['open']>) => {
        const file = await target.open(...args)
        return new Proxy(file, {
          get(inner, name) {
            if (name === 'read') {
              return async (...read: Parameters<typeof inner.read>) => {
                reading++
                await new Promise((resolve) => setImmediate(resolve))
                return inner.read(...read).finally(() => reading--)
              }
            }
            if (name === 'close') return async () => assert.equal(reading, 0)
            const each = Reflect.get(inner, name) as unknown
            return typeof each === 'function' ? (each.bind(inner) as unknown) : each
          },
        })
      }
    },
  })
  const input = await openInputFile(vfs, '/file')
  await input.next()
  assert.equal(reading, 1, 'the next piece is read ahead')
  await input.end(undefined)
  assert.equal(reading, 0)
})
