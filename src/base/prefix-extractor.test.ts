/** Rules of prefixes: what they find in keys, and when a range is said to have one prefix. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drawn } from '../../test/support/harness/share.js'
import { compareBytes } from './bytes.js'
import { PrefixExtractor, prefixRuleName } from './prefix-extractor.js'
import type { PrefixRule } from './prefix-extractor.js'
import { SeededRandom } from './random.js'

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1')

function prefixOf(rule: PrefixRule, key: string): string | null {
  const extractor = PrefixExtractor.named(prefixRuleName(rule))!
  const padded = bytes(`..${key}..`)
  const end = extractor.end(padded, 2, padded.length - 2)
  return end < 0 ? null : Buffer.from(padded.subarray(2, end)).toString('latin1')
}

test('prefixes of keys', () => {
  assert.equal(prefixOf({ bytes: 3 }, 'abcd'), 'abc')
  assert.equal(prefixOf({ bytes: 3 }, 'abc'), 'abc')
  assert.equal(prefixOf({ bytes: 3 }, 'ab'), null)
  assert.equal(prefixOf({ until: ':' }, 'user:42:name'), 'user:')
  assert.equal(prefixOf({ until: ':', count: 2 }, 'user:42:name'), 'user:42:')
  assert.equal(prefixOf({ until: ':', count: 3 }, 'user:42:name'), null)
  assert.equal(prefixOf({ until: '::' }, 'a:b::c'), 'a:b::')
  assert.equal(prefixOf({ until: 'aa', count: 2 }, 'aaaab'), 'aaaa')
  assert.equal(prefixOf({ until: 'aa', count: 2 }, 'aaab'), null)
  assert.equal(prefixOf({ until: Uint8Array.of(0) }, 'a\0b'), 'a\0')
  assert.equal(prefixOf({ until: 'ab' }, 'xa'), null)
})

test('names are read back, and others are not', () => {
  for (const rule of [{ bytes: 1 }, { bytes: 1024 }, { until: 'é' }, { until: '0123456789abcdef', count: 64 }]) {
    const name = prefixRuleName(rule)
    assert.equal(PrefixExtractor.named(name)!.name, name)
  }
  const others = [
    '', 'bytes:0', 'bytes:1025', 'bytes:01', 'bytes:3 ', 'until::1', 'until:3a', 'until:3a:0', 'until:3a:65',
    'until:3:1', 'until:3A:1', `until:${'00'.repeat(17)}:1`, 'fixed:3',
  ]
  for (const name of others) assert.equal(PrefixExtractor.named(name), null, name)
})

test('rules that are none are refused', () => {
  const rules: unknown[] = [
    null, 3, 'x', [], {}, { bytes: 0 }, { bytes: 1.5 }, { bytes: 1025 }, { bytes: '3' },
    { bytes: 3, until: ':' }, { bytes: 3, count: 1 },
    { until: '' }, { until: 'x'.repeat(17) }, { until: 5 }, { until: ':', count: 0 },
    { until: ':', count: 65 }, { until: ':', more: 1 }, { count: 2 },
  ]
  for (const rule of rules) {
    assert.throws(() => prefixRuleName(rule), { code: 'INVALID_ARGUMENT' }, JSON.stringify(rule))
  }
})

test('PRE-1: a range is said to have one prefix only when each key that could be in it has that prefix', () => {
  const alphabet = [0, 58, 97, 255]
  const all: Uint8Array[] = [new Uint8Array(0)]
  for (let from = 0, length = 1; length <= 5; length++) {
    const end = all.length
    for (; from < end; from++) for (const byte of alphabet) all.push(Uint8Array.of(...all[from]!, byte))
  }
  const rules: PrefixRule[] = [
    { bytes: 1 }, { bytes: 2 }, { until: ':' }, { until: ':', count: 2 }, { until: Uint8Array.of(58, 58) },
    { until: Uint8Array.of(255) }, { until: Uint8Array.of(255, 255) },
  ]
  let saidCount = 0
  for (const seed of drawn('prefix ranges', Array.from({ length: 2000 }, (_, i) => i))) {
    const random = new SeededRandom(seed, 'prefix ranges')
    const extractor = PrefixExtractor.named(prefixRuleName(random.pick(rules)))!
    const lower = random.pick(all)
    const upper = random.chance(0.2) ? null : random.chance(0.5) ? random.pick(all) : Uint8Array.of(...lower, 255)
    const common = extractor.commonBytes(lower, upper)
    if (common < 0) continue
    saidCount++
    for (const key of all) {
      if (compareBytes(key, lower) < 0 || (upper !== null && compareBytes(key, upper) >= 0)) continue
      assert.equal(extractor.end(key, 0, key.length), common, `seed ${seed}`)
      assert.equal(compareBytes(key.subarray(0, common), lower.subarray(0, common)), 0, `seed ${seed}`)
    }
  }
  assert.ok(saidCount > 0, String(saidCount))
})
