/** The memory that a process may use is the machine's, or less in a container. */
import assert from 'node:assert/strict'
import { totalmem } from 'node:os'
import { test } from 'node:test'
import { GiB, MiB } from '../../base/index.js'
import { memoryBytesMax, memoryOf } from './node-memory.js'

test('a limit counts where there is one, and is below what the machine has', () => {
  assert.equal(memoryOf(8 * GiB, 512 * MiB), 512 * MiB)
  assert.equal(memoryOf(8 * GiB, 16 * GiB), 8 * GiB)
  for (const none of [undefined, 0, 2 ** 64]) assert.equal(memoryOf(8 * GiB, none), 8 * GiB)
  const bytes = memoryBytesMax()
  assert.ok(bytes > 64 * MiB && bytes <= totalmem(), String(bytes))
})
