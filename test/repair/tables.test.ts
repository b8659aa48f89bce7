/**
 * REP-1 to REP-3, REP-7, REP-8: what a repair makes of tables with damaged blocks and sections.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tableFileName } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import type { VarveOptions } from '../../src/index.js'
import { SectionSlot } from '../../src/sstable/table-format.js'
import { readExport } from '../support/samples/read-export.js'
import { keyOf, makeLayers, outlineOf } from '../support/databases/two-layers.js'
import type { Layers } from '../support/databases/two-layers.js'
import { takeImage } from '../support/databases/vfs-image.js'
import { drawn, heavyTest } from '../support/harness/share.js'
import { flipped, repairAndCheck, TARGET, without } from '../support/model/repair-law.js'

const LAYOUTS: Record<string, VarveOptions> = {
  rows: {}, packed: { compression: 'lz4' }, columns: { blockSize: 128 * 1024 },
}
const COUNT = 4000
const layers: Record<string, Layers> = {}
for (const [name, options] of Object.entries(LAYOUTS)) {
  layers[name] = await makeLayers(name === 'columns' ? 4 * COUNT : COUNT, options)
}

function blocksOf({ image }: Layers, fileNum: number): { at: number; bytes: number }[] {
  const { index } = outlineOf(image, fileNum)
  return Array.from({ length: index.blockCount }, (_, i) => ({ at: index.offset(i), bytes: index.bytes(i) }))
}

for (const [name, made] of Object.entries(layers)) {
  test(`${name}: one lost block costs its own keys, and not one that is only in the old table`, async () => {
    const { newer, states } = made
    const newest = states.at(-1)!
    for (const { at, bytes } of drawn(`blocks of ${name}`, blocksOf(made, newer)).slice(0, 4)) {
      const image = flipped(made.image, tableFileName(newer), at + (bytes >> 1))
      const { report, served } = await repairAndCheck(image, made)
      assert.equal(report.lostRanges.length, 1)
      const [{ entryCount, from, to }] = report.lostRanges as [typeof report.lostRanges[0] & object]
      assert.equal(report.lostEntries, entryCount)
      const missing = [...newest.keys()].filter((key) => !served.has(key))
      const [lower, upper] = [from, to].map((key) => new TextDecoder().decode(key!)) as [string, string]
      assert.ok(missing.every((key) => key >= lower && key <= upper))
      assert.ok(missing.length > 0 && missing.length <= entryCount!)
      // REP-2: of the keys that only the old table has, the lookups prove nearly all.
      const onlyOld = [...newest.keys()].filter((key) => {
        const i = Number(key.slice(3))
        return key >= lower && key <= upper && i % 2 === 0 && i % 4 !== 0 && i % 8 !== 2
      })
      const doubted = onlyOld.filter((key) => !served.has(key))
      assert.ok(onlyOld.length > 0 && doubted.length <= onlyOld.length * 0.2, `${doubted.length} of ${onlyOld.length}`)
    }
  })

  test(`${name}: any section of a table but its blocks may be lost, and nothing else is`, async () => {
    for (const fileNum of [made.old, made.newer]) {
      const { footer } = outlineOf(made.image, fileNum)
      const file = tableFileName(fileNum)
      const places = [
        ['header', 30], ['footer', footer.fileBytes - 60],
        ...(['index', 'filter', 'pointHash', 'properties'] as const).flatMap((slot) => {
          const { offset, bytes } = footer.sections[SectionSlot[slot]]!
          return bytes === 0 ? [] : [[slot, offset + (bytes >> 1)] as const]
        }),
      ] as const
      for (const [what, at] of places) {
        const { report, share } = await repairAndCheck(flipped(made.image, file, at), made)
        assert.equal(share, 1, `${what} of ${file}: ${JSON.stringify(report.lostRanges)}`)
        assert.deepEqual([report.lostEntries, report.doubtfulEntries, report.rewrittenTables], [0, 0, 1], what)
        assert.equal(report.problems[0]?.file, file)
      }
    }
  })

  test(`${name}: index and a block may be lost together`, async () => {
    const { newer, image: whole } = made
    const { footer, index } = outlineOf(whole, newer)
    const name = tableFileName(newer)
    const number = index.blockCount >> 1
    const indexAt = footer.sections[SectionSlot.index]!.offset
    const bad = flipped(flipped(whole, name, index.offset(number) + 40), name, indexAt + 9)
    const { report, share } = await repairAndCheck(bad, made)
    assert.equal(report.lostEntries, index.counts[number])
    assert.ok(share > 0.93, `${share}`)
    const cut = flipped(bad, name, footer.fileBytes - 60)
    const { share: shareOfCut } = await repairAndCheck(cut, made)
    assert.ok(shareOfCut > 0.5, `${shareOfCut}`)
  })
}

test('a table that is gone takes its keys with it, and makes older ones of its extent doubtful', async () => {
  const made = layers['rows']!
  const { report, served } = await repairAndCheck(without(made.image, tableFileName(made.newer)), made)
  assert.equal(served.size, 0)
  assert.equal(report.doubtfulEntries, COUNT / 2)
  assert.equal(report.salvagedEntries, COUNT / 2)
  const { served: ofNewer } = await repairAndCheck(without(made.image, tableFileName(made.old)), made)
  assert.equal(ofNewer.size, COUNT / 4 + COUNT / 2, 'what is older was lost, and casts no doubt on what is newer')
})

test('REP-3, REP-7: where range tombstones are lost, what is older in their extent is doubtful', async () => {
  const made = await makeLayers(400, {}, true)
  const { footer } = outlineOf(made.image, made.newer)
  const { offset } = footer.sections[SectionSlot.spans]!
  const { report, served } = await repairAndCheck(flipped(made.image, tableFileName(made.newer), offset + 20), made)
  const newest = made.states.at(-1)!
  assert.equal(served.size, newest.size, 'outside of the extent all is served')
  assert.equal(report.lostRanges.length, 1)
  assert.equal(report.doubtfulEntries, 50)
  const { served: doubtful } = await repairAndCheck(flipped(made.image, tableFileName(made.newer), offset + 20), {
    states: Object.assign([...made.states], { [report.seqNum]: oldInside(newest) }),
  }, { serveDoubtful: true })
  assert.equal(doubtful.size, newest.size + 50, 'doubtful entries are served when the caller wants them')
})

/** What is served when doubt is put aside: the values of the old table, where the newer one had deleted the range. */
function oldInside(state: ReadonlyMap<string, string>): Map<string, string> {
  const all = new Map(state)
  for (let i = 200; i < 300; i += 2) all.set(keyOf(i), `old ${i} ${'o'.repeat(30)}`)
  return all
}

test('what is not served stands in salvaged, with its number, its file and the reason, beside a report', async () => {
  const made = layers['rows']!
  const { report, vfs } = await repairAndCheck(without(made.image, tableFileName(made.newer)), made)
  const image = takeImage(vfs, `${TARGET}/salvaged`)
  assert.deepEqual([...image.keys()], ['entries.varve', 'report.json'])
  const told = JSON.parse(new TextDecoder().decode(image.get('report.json'))) as typeof report
  assert.equal(told.doubtfulEntries, report.doubtfulEntries)
  const entries = []
  for await (const some of readExport('entries.varve', [image.get('entries.varve')!])) entries.push(...some)
  assert.equal(entries.length, report.salvagedEntries)
  const first = entries[0]!
  assert.equal(new TextDecoder().decode(first.key), keyOf(0))
  assert.match(new TextDecoder().decode(first.value), /^old 0 /)
  assert.deepEqual([first.seqNum, first.source, first.reason], [1, tableFileName(made.old), 'doubtful'])
})

test('a repair of a repair is the same database', async () => {
  const made = layers['rows']!
  const { newer } = made
  const { index } = outlineOf(made.image, newer)
  const first = await repairAndCheck(flipped(made.image, tableFileName(newer), index.offset(3) + 20), made)
  const again = await Varve.repair(TARGET, '/again', { vfs: first.vfs })
  assert.ok(again.ok)
  assert.equal(again.servedEntries, first.report.servedEntries)
  assert.equal(again.seqNum, first.report.seqNum)
  const db = await Varve.open('/again', { workers: 0, components: { vfs: first.vfs } })
  const count = [...db.keysSync()].length
  assert.equal(count, first.served.size)
  await db.close()
})

heavyTest('one lost block of a large table: 99.9 % are served', async (t) => {
  const made = await makeLayers(120_000, { blockSize: 4096 })
  const { index } = outlineOf(made.image, made.newer)
  const { share } = await repairAndCheck(
    flipped(made.image, tableFileName(made.newer), index.offset(index.blockCount >> 1) + 99), made)
  t.diagnostic(`${(100 * share).toFixed(3)} %`)
  assert.ok(share >= 0.9985, `${share}`)
})
