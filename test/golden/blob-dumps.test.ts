/** Every byte of a segment, a catalog and a snapshot, named: a byte that moves shows in the golden file. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runSync } from '../../src/base/index.js'
import { BlobSpace } from '../../src/blob-cache/blob-space.js'
import { createCatalog } from '../../src/blob-cache/catalog.js'
import { describeCatalog } from '../../src/blob-cache/catalog-dump.js'
import { ChangeTag } from '../../src/blob-cache/catalog-format.js'
import { CatalogState } from '../../src/blob-cache/catalog-state.js'
import { BlobIndex } from '../../src/blob-cache/blob-index.js'
import { describeSegment } from '../../src/blob-cache/segment-dump.js'
import { describeSnapshot } from '../../src/blob-cache/snapshot-dump.js'
import { bytesSource } from '../../src/dump/index.js'
import type { Section } from '../../src/dump/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { assertGolden } from '../support/harness/golden.js'
import { sampleOrigin, sampleSegment, sampleSnapshot, sampleValue } from '../support/samples/blob-samples.js'
import { readAll } from '../support/samples/manifest-samples.js'
import { sectionsText } from '../support/text/sections-text.js'

const SEGMENT = '000013.segment'
const CATALOG = '000012.catalog'
const SNAPSHOT = '000015.index'

function segmentBytes(isSealed: boolean): Uint8Array {
  return sampleSegment([
    { key: 'one', value: sampleValue(20) },
    { key: 'two', value: sampleValue(0), header: { expiresMs: 1_800_000_000_001, staleMs: 5, namespace: 77 } },
  ], isSealed).bytes
}

function snapshotFile(): Uint8Array {
  const index = new BlobIndex()
  index.set(2 ** 31 + 5, 7, 13, 128, 96, 0, 3)
  index.set(5, 2 ** 31, 11, 4096, 104, 1, 0)
  return sampleSnapshot(index, [
    { segment: 13, isMain: false, wasKept: false, bytes: 0, items: 1, expiresMs: Infinity },
    { segment: 11, isMain: true, wasKept: true, bytes: 8192, items: 1, expiresMs: 1_800_000_000_000 },
  ])
}

async function catalogBytes(): Promise<Uint8Array> {
  const vfs = new MemoryVfs()
  vfs.mkdirSync('/c')
  const catalog = runSync(createCatalog({
    vfs, dir: '/c', origin: sampleOrigin(), fileNum: 12, state: new CatalogState(), rollBytes: 65_536,
    space: new BlobSpace({ maxBytes: 2 ** 30, catalogBytes: 0 }),
  }))
  const numbers = { tag: ChangeTag.numbers, seqNum: 20, fileNum: 14 }
  const salt = new Uint8Array(8).fill(7)
  await catalog.append([
    numbers, { tag: ChangeTag.addSegment, segment: 13, queue: 'main', salt },
    { tag: ChangeTag.limit, segment: 13, bytes: 4096 },
  ], false)
  await catalog.append([
    numbers, { tag: ChangeTag.kills, kills: [{ low: 1, high: 2, segment: 13, recordNum: 9 }] },
    { tag: ChangeTag.sealSegment, segment: 13, bytes: 8192 },
  ], false)
  const state = new CatalogState()
  state.apply(catalog.state.toChanges())
  await catalog.append([numbers, { tag: ChangeTag.removeSegment, segment: 13 }], true)
  await catalog.append(state.toChanges(), false)
  await catalog.append([numbers, { tag: ChangeTag.index, fileNum: 15, bytes: 300, salt }], false)
  await catalog.mark()
  await catalog.close()
  const bytes = readAll(vfs, `/c/${CATALOG}`)
  return bytes.subarray(0, bytes.findLastIndex((byte) => byte !== 0) + 33)
}

function json(sections: Iterable<{ data: unknown }>): string {
  return Array.from(sections, ({ data }) => `${JSON.stringify(data)}\n`).join('')
}

function problemsOf(sections: Iterable<Section>): string[] {
  return Array.from(sections, ({ problems }) => problems.map(({ message }) => message)).flat()
}

test('a segment, annotated', () => {
  const bytes = bytesSource(segmentBytes(true))
  const text = sectionsText(describeSegment(bytes, SEGMENT))
  assertGolden('segment.txt', `${text}${json(describeSegment(bytes, SEGMENT))}`)
})

test('a catalog, annotated', async () => {
  const bytes = bytesSource(await catalogBytes())
  const text = sectionsText(describeCatalog(bytes, CATALOG))
  assertGolden('catalog.txt', `${text}${json(describeCatalog(bytes, CATALOG))}`)
})

test('a snapshot of the index, annotated', () => {
  const bytes = bytesSource(snapshotFile())
  const text = sectionsText(describeSnapshot(bytes, SNAPSHOT))
  assertGolden('blob-index.txt', `${text}${json(describeSnapshot(bytes, SNAPSHOT))}`)
})

test('each byte of a dump is in exactly one field, whatever byte is flipped, and what is wrong is told', async () => {
  const files = [
    { bytes: segmentBytes(true), describe: describeSegment, name: SEGMENT },
    { bytes: segmentBytes(false), describe: describeSegment, name: SEGMENT },
    { bytes: await catalogBytes(), describe: describeCatalog, name: CATALOG },
    { bytes: snapshotFile(), describe: describeSnapshot, name: SNAPSHOT },
  ]
  for (const { bytes, describe, name } of files) {
    assert.deepEqual(problemsOf(describe(bytesSource(bytes), name)), [])
    for (let at = 0; at < bytes.length; at++) {
      const flipped = bytes.slice()
      flipped[at]! ^= 1 << at % 8
      let end = 0
      for (const section of describe(bytesSource(flipped), name)) {
        assert.equal(section.offset, end, `byte ${at}`)
        end += section.bytes
      }
      assert.equal(end, bytes.length, `byte ${at}`)
    }
    for (let length = 0; length < bytes.length; length += 3) {
      for (const section of describe(bytesSource(bytes.subarray(0, length)), name)) assert.ok(section.bytes >= 0)
    }
  }
})
