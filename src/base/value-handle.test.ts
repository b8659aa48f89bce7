import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  handleChecksum, handleFileNum, handleLength, handleOffset, handleProblem, putValueHandle, VALUE_HANDLE_BYTES,
} from './value-handle.js'

const GiB = 2 ** 30

test('a handle gives back what was put into it, and touches nothing else', () => {
  const cases = [
    [128, 512, 0, 1], [2 ** 32 - 8 - GiB, GiB, 2 ** 32 - 1, 2 ** 48 - 1], [0x12345678, 0, 0x89abcdef, 2 ** 32],
    [0, 4096, 1, 2 ** 32 - 1], [0, 1, 2, 2 ** 47 + 5],
  ] as const
  for (const [offset, length, checksum, fileNum] of cases) {
    const bytes = new Uint8Array(VALUE_HANDLE_BYTES + 2).fill(0xee)
    putValueHandle(bytes, 1, offset, length, checksum, fileNum)
    assert.deepEqual(
      [handleOffset(bytes, 1), handleLength(bytes, 1), handleChecksum(bytes, 1), handleFileNum(bytes, 1)],
      [offset, length, checksum, fileNum],
    )
    assert.deepEqual([bytes[0], bytes[19], bytes[20], bytes[21]], [0xee, 0, 0, 0xee])
    assert.equal(handleProblem(bytes, 1, 21), null)
  }
})

test('a handle that nothing writes is told', () => {
  const bytes = new Uint8Array(24)
  const problem = (offset: number, length: number, fileNum: number, end = 20) => {
    putValueHandle(bytes, 0, offset, length, 7, fileNum)
    return handleProblem(bytes, 0, end)
  }
  assert.equal(problem(128, 600, 5), null)
  assert.match(problem(128, 600, 5, 19)!, /handle of 19 bytes/)
  assert.match(problem(128, 600, 5, 24)!, /handle of 24 bytes/)
  assert.match(problem(128, 600, 0)!, /without a file/)
  assert.match(problem(128, GiB + 1, 5)!, /handle of 1073741825 bytes/)
  assert.match(problem(2 ** 32 - 600, 600, 5)!, /at 4294966696/)
  for (const at of [18, 19]) {
    problem(128, 600, 5)
    bytes[at] = 1
    assert.match(handleProblem(bytes, 0, 20)!, /not zero/)
  }
})
