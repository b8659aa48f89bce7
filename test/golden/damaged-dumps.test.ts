/**
 * Dumps of damaged files: whatever was flipped or cut, each byte is still in exactly one section, what is
 * wrong is told, and what is good is described as before. A short run draws the bytes.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesSource, describeLog } from '../../src/dump/index.js'
import type { Section } from '../../src/dump/index.js'
import { describeManifest } from '../../src/manifest/index.js'
import { describeTable } from '../../src/sstable/index.js'
import { sampleLog } from '../support/samples/log-samples.js'
import { writeSampleManifest } from '../support/samples/manifest-samples.js'
import { bytesOf, expiring, newFile, sampleEntries, sampleSpans, writeTable } from '../support/samples/table-samples.js'
import { drawn } from '../support/harness/share.js'
import { sectionsText } from '../support/text/sections-text.js'

interface Sample {
  bytes: Uint8Array
  describe(bytes: Uint8Array): Iterable<Section>
}

const manifestBytes = () => {
  const { vfs } = writeSampleManifest()
  const file = vfs.openSync('/db/000007.manifest', 'read')
  const bytes = new Uint8Array(file.sizeSync())
  file.readSync(bytes, 0, bytes.length, 0)
  return bytes
}

const samples: Record<string, Sample> = {
  log: { bytes: sampleLog(), describe: (bytes) => describeLog(bytesSource(bytes), 'F') },
  manifest: { bytes: manifestBytes(), describe: (bytes) => describeManifest(bytesSource(bytes), 'F') },
  table: {
    bytes: bytesOf(writeTable(expiring(sampleEntries().slice(0, 30)), { blockBytes: 1024, spans: sampleSpans() }).file),
    describe: (bytes) => describeTable({ file: newFile(bytes), name: 'F' }),
  },
}

/** The sections, proven to cover the file and to be printable. */
function sectionsOf({ describe }: Sample, bytes: Uint8Array): Section[] {
  const sections = Array.from(describe(bytes), (section) => ({ ...section, content: section.content.slice() }))
  let end = 0
  for (const section of sections) {
    assert.equal(section.offset, end)
    for (const field of section.fields) {
      assert.equal(field.offset, end, `${section.title}: ${field.name}`)
      end += field.bytes
    }
    if (section.title === 'zeros') end += section.bytes
    assert.equal(end, section.offset + section.bytes, section.title)
    for (const { offset, message } of section.problems) assert.ok(message !== '' && offset <= bytes.length)
  }
  assert.equal(end, bytes.length)
  assert.ok(sectionsText(sections).length > 0 && JSON.stringify(sections).length > 0)
  return sections
}

const problemsOf = (sections: Section[]) => sections.flatMap(({ problems }) => problems)

for (const [kind, sample] of Object.entries(samples)) {
  test(`a ${kind}: any flipped byte is told, near its place, and the other sections stay as they were`, () => {
    const good = sectionsOf(sample, sample.bytes)
    assert.deepEqual(problemsOf(good), [])
    const last = good.at(-1)!
    for (const at of drawn(`flipped bytes of a ${kind}`, sample.bytes.keys())) {
      const bytes = sample.bytes.slice()
      bytes[at]! ^= 0x10
      const sections = sectionsOf(sample, bytes)
      assert.ok(problemsOf(sections).length > 0, `offset ${at}`)
      // Number and salt seed every checksum; index and footer say where the rest is.
      if ((at >= 40 && at < 56) || isMap(good, at)) continue
      for (const section of good) {
        const isHit = at >= section.offset && at < section.offset + section.bytes
        if (isHit || section.title === 'zeros' || last.title === 'zeros' && at >= last.offset) continue
        const same = sections.find(({ offset }) => offset === section.offset)
        assert.deepEqual(same, section, `offset ${at}`)
      }
    }
  })

  test(`a ${kind} cut anywhere is described up to its end`, () => {
    const ends = new Set(sectionsOf(sample, sample.bytes).map(({ offset }) => offset))
    for (const length of drawn(`cuts of a ${kind}`, sample.bytes.keys())) {
      const problems = problemsOf(sectionsOf(sample, sample.bytes.slice(0, length)))
      const isFrameEnd = kind !== 'table' && (ends.has(length) || length > [...ends].at(-1)!)
      if (!isFrameEnd || length < 128) assert.ok(problems.length > 0, `${length} bytes`)
    }
  })
}

function isMap(good: Section[], at: number): boolean {
  return good.some(({ title, offset, bytes }) => {
    return (title === 'index' || title === 'footer') && at >= offset && at < offset + bytes
  })
}

test('a damaged block is told as such, and so is a block behind a damaged index', () => {
  const { bytes } = samples['table']!
  const damaged = (title: string) => {
    const copy = bytes.slice()
    const { offset } = sectionsOf(samples['table']!, bytes).find((section) => section.title === title)!
    copy[offset + 20]! ^= 1
    return sectionsOf(samples['table']!, copy).map((section) => {
      return `${section.title}: ${section.problems[0]?.message ?? ''}`
    })
  }
  const checksum = (title: string) => new RegExp(`^${title}: F at offset \\d+: checksum differs$`)
  const [, first, second] = damaged('block 0')
  assert.match(first!, checksum('block 0'))
  assert.equal(second, 'block 1: ')
  const [, blocks, index, filter] = damaged('index')
  assert.equal(blocks, 'blocks, not readable without the index: ')
  assert.match(index!, checksum('index'))
  assert.equal(filter, 'filter: ')
  const [, rest, footer] = damaged('footer')
  assert.equal(rest, 'not readable without the footer: ')
  assert.match(footer!, /^footer: F at offset \d+: footer checksum differs$/)
})
