import assert from 'node:assert/strict'
import { it } from 'node:test'
import { parseFileName } from '../base/index.js'
import { readMarker } from '../directory/index.js'
import { CACHE_MARKER, cacheFileName, parseCacheFileName } from './cache-names.js'

it('names of a cache are parsed as they are written, and no others; none is a name of a database', () => {
  for (const kind of ['catalog', 'segment', 'index'] as const) {
    for (const fileNum of [0, 12, 999_999, 1_000_000, 2 ** 32 - 1]) {
      const name = cacheFileName(kind, fileNum)
      assert.deepEqual(parseCacheFileName(name), { kind, fileNum })
      assert.equal(parseFileName(name), null)
    }
  }
  const marker = CACHE_MARKER.nameOf(3, 12)
  assert.equal(marker, 'cache-marker.000003.000012')
  assert.deepEqual(parseCacheFileName(marker), { kind: 'marker', iteration: 3, fileNum: 12 })
  assert.equal(parseFileName(marker), null)
  assert.equal(readMarker([marker]), null)
  assert.deepEqual(readMarker([marker, CACHE_MARKER.nameOf(4, 9), 'marker.000009.000001'], CACHE_MARKER), {
    iteration: 4, manifest: 9,
  })
  assert.deepEqual(parseCacheFileName('varve.lock'), { kind: 'lock' })
  const foreign = ['12.segment', '0000012.segment', '4294967296.segment', '000012.segments', '000012.table',
    'marker.000003.000012', 'cache-marker.3.000012', 'cache-marker.000003.4294967296', `${'0'.repeat(90)}.segment`]
  for (const name of foreign) assert.equal(parseCacheFileName(name), null, name)
})
