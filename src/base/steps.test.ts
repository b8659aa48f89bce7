import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runAsync, runSync, step } from './steps.js'
import type { Steps } from './steps.js'

function* sum(trace: string[], parts: (number | Error)[]): Steps<number> {
  let total = 0
  try {
    for (const part of parts) {
      const give = () => {
        if (part instanceof Error) throw part
        return part
      }
      total += yield* step({
        sync: () => (trace.push('sync'), give()),
        async: async () => (trace.push('async'), give()),
      })
    }
  } catch (error) {
    trace.push('caught')
    if ((error as Error).message === 'mend') return -1
    throw error
  } finally {
    trace.push('finally')
  }
  return total
}

test('both forms give the same result and take the same path', async () => {
  const trace: string[] = []
  assert.equal(runSync(sum(trace, [1, 2, 3])), 6)
  assert.deepEqual(trace.splice(0), ['sync', 'sync', 'sync', 'finally'])
  assert.equal(await runAsync(sum(trace, [1, 2, 3])), 6)
  assert.deepEqual(trace, ['async', 'async', 'async', 'finally'])
})

test('an error of a step is thrown inside the procedure, which may mend it', async () => {
  const trace: string[] = []
  assert.equal(runSync(sum(trace, [1, new Error('mend'), 3])), -1)
  assert.deepEqual(trace.splice(0), ['sync', 'sync', 'caught', 'finally'])
  assert.equal(await runAsync(sum(trace, [1, new Error('mend'), 3])), -1)
  trace.length = 0
  assert.throws(() => runSync(sum(trace, [new Error('x')])), /x/)
  await assert.rejects(runAsync(sum(trace, [new Error('y')])), /y/)
  assert.deepEqual(trace, ['sync', 'caught', 'finally', 'async', 'caught', 'finally'])
})

test('a procedure without steps runs in both forms; a blocking one does not wait for anything', async () => {
  function* none(): Steps<string> {
    return 'done'
  }
  assert.equal(runSync(none()), 'done')
  assert.equal(await runAsync(none()), 'done')
})
