/** The spans section: what is written is read, what is wrong is refused, and the widest stretches are found. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BadBytes, compareBytes, SeededRandom } from '../base/index.js'
import { Spans } from '../iterator/index.js'
import type { Span } from '../iterator/index.js'
import { decodeSpans, encodeSpans, spanFactsOf } from './spans-section.js'

function drawn(random: SeededRandom, count: number): Spans {
  const key = (n: number): Uint8Array => Uint8Array.of(7, n >> 4, n & 15)
  return Spans.join(Array.from({ length: count }, (_, i) => {
    const lower = random.below(200)
    const upper = random.chance(0.05) ? null : key(lower + 1 + random.below(30))
    return Spans.of({ lower: key(lower), upper, seqNum: i + 1 })
  }))!
}

const shown = (spans: Iterable<Span>): string[] =>
  Array.from(spans, ({ lower, upper, seqNum }) => `${lower.join('.')} ${upper?.join('.') ?? 'end'} ${seqNum}`)

test('what is written is read, and any changed word or byte is refused or another good section', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new SeededRandom(seed, 'spans section')
    const spans = drawn(random, 1 + random.below(12))
    const bytes = encodeSpans(spans)
    assert.deepEqual(shown(decodeSpans(bytes).list()), shown(spans.list()))
    for (let i = 0; i < 60; i++) {
      const changed = bytes.slice(0, random.chance(0.1) ? random.below(bytes.length) : bytes.length)
      if (changed.length === bytes.length) changed[random.below(changed.length)]! ^= 1 << random.below(8)
      try {
        assert.equal(encodeSpans(decodeSpans(changed)).length, changed.length)
      } catch (error) {
        assert.ok(error instanceof BadBytes, String(error))
      }
    }
  }
})

test('the widest stretches hold what they say, and touch nothing that is not deleted', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = new SeededRandom(seed, 'widest')
    const spans = drawn(random, 1 + random.below(40))
    const { count, lower, upper, widest } = spanFactsOf(spans)
    assert.equal(count, spans.count)
    assert.ok(compareBytes(lower, spans.lower(0)) === 0 && String(upper) === String(spans.upper(count - 1)))
    assert.ok(widest.length > 0 && widest.length <= 16)
    for (const stretch of widest) {
      const part = spans.within(stretch.lower, stretch.upper)!
      let at: Uint8Array | null = stretch.lower
      for (let i = 0; i < part.count; i++) {
        assert.equal(compareBytes(part.lower(i), at!), 0, 'there is no gap')
        assert.ok(part.newest(i) >= stretch.seqNum)
        at = part.upper(i)
      }
      assert.equal(String(at), String(stretch.upper))
    }
  }
})

test('one wide range among a thousand small ones is the first to be told, also with long common prefixes', () => {
  const key = (n: number): Uint8Array => Buffer.from(`a/long/common/prefix/${String(n).padStart(8, '0')}`)
  const small = Array.from({ length: 1000 }, (_, i) =>
    Spans.of({ lower: key(1000 * i), upper: key(1000 * i + 1), seqNum: i + 1 }))
  const wide = Spans.of({ lower: key(300_500), upper: key(600_500), seqNum: 5000 })
  const { widest } = spanFactsOf(Spans.join([...small, wide])!)
  assert.ok(shown(widest).includes(shown(wide.list())[0]!))
})
