/** All states of the protocol of a streamed value: no crash and no order of steps loses a value or its file. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  crashProblem, isDebris, runningProblem, START, stepsFrom, STREAM_RULES,
} from '../support/model/stream-protocol.js'
import type { StreamRule, StreamState } from '../support/model/stream-protocol.js'

/** Visits every state; gives how many there are, and the first problem. */
function explore(left: StreamRule | null): { count: number; problem: string | null } {
  const kept = (rule: StreamRule): boolean => rule !== left
  const seen = new Set<string>()
  const waiting = [START]
  for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
    const name = JSON.stringify(state)
    if (seen.has(name)) continue
    seen.add(name)
    const problem = problemOf(state, kept)
    if (problem !== null) return { count: seen.size, problem: `${problem}: ${name}` }
    waiting.push(...stepsFrom(state, kept))
  }
  return { count: seen.size, problem: null }
}

function problemOf(state: StreamState, kept: (rule: StreamRule) => boolean): string | null {
  if (isDebris(state, kept)) return 'a file stays for ever'
  return runningProblem(state) ?? crashProblem(state, kept)
}

test('VLG-15: a streamed value is whole wherever an entry or a handle names it, after a crash in any state', () => {
  const { count, problem } = explore(null)
  assert.equal(problem, null)
  assert.ok(count > 150, `${count} states`)
})

for (const rule of STREAM_RULES) {
  test(`without the rule that ${rule}, a state is wrong`, () => {
    assert.notEqual(explore(rule).problem, null)
  })
}
