import assert from 'node:assert/strict'
import { it } from 'node:test'
import { ByteGate } from './byte-gate.js'

it('a gate lets through what fits, the rest in order, and what is larger than it alone (BC-7, BC-8)', async () => {
  const gate = new ByteGate(100)
  const passed: string[] = []
  const enter = (name: string, bytes: number) => {
    const turn = gate.enter(bytes)
    if (turn === null) passed.push(name)
    else void turn.then(() => passed.push(name))
  }
  enter('a', 60)
  enter('b', 40)
  enter('large', 500)
  enter('c', 1)
  assert.deepEqual(passed, ['a', 'b'])
  gate.leave(60)
  await Promise.resolve()
  assert.deepEqual(passed, ['a', 'b'])
  gate.leave(40)
  await Promise.resolve()
  assert.deepEqual(passed, ['a', 'b', 'large'])
  gate.leave(500)
  await Promise.resolve()
  assert.deepEqual(passed, ['a', 'b', 'large', 'c'])
  enter('d', 99)
  assert.equal(passed.at(-1), 'd')
})
