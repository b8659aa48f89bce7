/** What a run saves comes back; text that is not ours gives nothing, never an error. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { LastRunStats } from '../stats/index.js'
import { decodeRunStats, encodeRunStats } from './run-stats.js'

const stage = { count: 3, totalMs: 4.5, lastMs: 1, maxMs: 2.25, avgMs: 1.5 }
const stats: LastRunStats = {
  generation: 12, savedMs: 1_790_000_000_000, stallCount: 2, stallMs: 17.125,
  flush: { completed: 3, failed: 1, retried: 1, wait: stage, build: stage, install: stage, release: stage },
}

describe('run statistics', () => {
  it('come back as they were saved', () => {
    assert.deepEqual(decodeRunStats(encodeRunStats(stats)), stats)
  })

  it('are none when the text is of another version, cut, or hostile', () => {
    const text = encodeRunStats(stats)
    const hostile = [
      '', 'null', '7', '[]', '{}', text.slice(0, -1), text.replace('"version":1', '"version":2'),
      text.replace('"generation":12', '"generation":-1'), text.replace('4.5', '"4.5"'), text.replace('4.5', '1e999'),
      text.replace('"wait":{', '"wait":null,"x":{'), `${' '.repeat(20_000)}${text}`,
    ]
    for (const wrong of hostile) assert.equal(decodeRunStats(wrong), null, wrong.slice(0, 100))
  })

  it('take nothing but known numbers', () => {
    const text = encodeRunStats(stats).replace('{"version"', '{"__proto__":{"x":1},"more":[1],"version"')
    assert.deepEqual(decodeRunStats(text), stats)
  })
})
