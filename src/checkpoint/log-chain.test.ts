/** The logs of a checkpoint: none is missing, and each ends where the next one says. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { logFileName } from '../base/index.js'
import type { LogFacts } from '../base/index.js'
import { MemoryVfs } from '../testing.js'
import { buildHistory } from '../../test/support/samples/log-history.js'
import { sampleDatabaseId } from '../../test/support/samples/write-buffer-samples.js'
import { checkLogChain } from './log-chain.js'

function copied(logs: ReadonlyMap<number, Uint8Array>) {
  const vfs = new MemoryVfs()
  vfs.mkdirSync('/copy')
  const facts: LogFacts[] = []
  for (const [fileNum, bytes] of logs) {
    const file = vfs.openSync(`/copy/${logFileName(fileNum)}`, 'create')
    file.writeSync(bytes, 0, bytes.length, 0)
    file.closeSync()
    facts.push({ fileNum, salt: bytes.slice(48, 56), bytes: bytes.length, isExact: true, mustExist: true })
  }
  return { vfs, dir: '/copy', databaseId: sampleDatabaseId, logs: facts, logPointer: 3 }
}

const put = (key: string) => ({ operations: [{ type: 'put' as const, key, value: 'v' }] })
const { files } = buildHistory([[3, [put('a')]], [5, []], [6, [put('b'), put('c')]], [9, [put('d')]]])

test('CP-4: logs that follow each other are whole, also one without entries', async () => {
  await checkLogChain(copied(files))
  await checkLogChain(copied(new Map()))
})

test('CP-4: a log that was left out, or ends elsewhere, is found before the copy has its name', async () => {
  for (const missing of [3, 5, 6]) {
    const left = new Map([...files].filter(([fileNum]) => fileNum !== missing))
    await assert.rejects(checkLogChain(copied(left)), { code: 'INTERNAL' })
  }
  const short = new Map(files)
  short.set(6, files.get(6)!.slice(0, -8))
  await assert.rejects(checkLogChain(copied(short)), { code: 'INTERNAL' })
  assert.equal(files.size, 4)
})
