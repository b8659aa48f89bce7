import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VarveError } from '../base/index.js'
import type { Catalog } from './catalog.js'
import { ChangeTag } from './catalog-format.js'
import type { Change } from './catalog-format.js'
import { CatalogWriter } from './catalog-writer.js'
import { KillQueue } from './kill-queue.js'

const kill = (recordNum: number) => ({ low: 0, high: 0, segment: 1, recordNum })
const remove = (segment: number): Change => ({ tag: ChangeTag.removeSegment, segment })

async function turn(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

/** A writer over a catalog whose groups end when the test says so. */
function scene() {
  const groups: string[] = []
  const ends: ((error: unknown) => void)[] = []
  const catalog = {
    isLong: false,
    append: (changes: readonly Change[], isNeeded: boolean) => new Promise<void>((resolve, reject) => {
      groups.push(changes.slice(1).map(textOf).join(', ') + (isNeeded ? '!' : ''))
      ends.push((error) => (error === undefined ? resolve() : reject(error)))
    }),
  } as unknown as Catalog
  const kills = new KillQueue()
  const failures: unknown[] = []
  const writer = new CatalogWriter({
    catalog, kills, numbers: () => ({ seqNum: 1, fileNum: 1 }), roll: async (from) => from,
    onFailure: (error) => failures.push(error),
  })
  const end = async (error?: unknown) => {
    ends.shift()!(error)
    await turn()
  }
  return { groups, kills, writer, failures, end }
}

function textOf(change: Change): string {
  if (change.tag === ChangeTag.kills) return `kill ${change.kills.map(({ recordNum }) => recordNum)}`
  return change.tag === ChangeTag.removeSegment ? `remove ${change.segment}` : `tag ${change.tag}`
}

describe('groups of a catalog', () => {
  it('remove a segment behind all kills that were queued before, and not behind later ones (BC-5, BC-12)', async () => {
    const { groups, kills, writer, end } = scene()
    const bytes = { isSafe: false }
    kills.push(kill(1), null)
    kills.push(kill(2), bytes)
    const removed = writer.submit([remove(7)], true)
    kills.push(kill(3), { isSafe: false })
    await turn()
    assert.deepEqual(groups, [], 'nobody waits for kill 1 alone')
    bytes.isSafe = true
    writer.look()
    assert.deepEqual(groups, ['kill 1,2, remove 7!'])
    await end()
    await removed
    assert.equal(kills.length, 1)
  })

  it('are one at a time; what comes meanwhile is in the next one', async () => {
    const { groups, kills, writer, end } = scene()
    kills.push(kill(1), null)
    const first = writer.killed()
    kills.push(kill(2), null)
    const [second, asked] = [writer.killed(), writer.submit([remove(5)])]
    assert.deepEqual(groups, ['kill 1'])
    await end()
    await first
    assert.deepEqual(groups, ['kill 1', 'kill 2, remove 5'])
    await end()
    await Promise.all([second, asked])
    await writer.idle()
  })

  it('write kills that nobody waits for when there are many', async () => {
    const { groups, kills, writer, end } = scene()
    for (let i = 0; i < 1023; i++) kills.push(kill(i), null)
    writer.look()
    assert.equal(groups.length, 0)
    kills.push(kill(1023), null)
    writer.look()
    assert.equal(groups.length, 1)
    await end()
    assert.equal(kills.length, 0)
  })

  it('that could not be begun fail those who asked, and the kills stay for the next one (BC-7)', async () => {
    const { groups, kills, writer, failures, end } = scene()
    kills.push(kill(1), null)
    const results = Promise.allSettled([writer.killed(), writer.submit([remove(5)])])
    await end(new VarveError('NO_SPACE', 'full'))
    await end(new VarveError('NO_SPACE', 'full'))
    assert.deepEqual((await results).map(({ status }) => status), ['rejected', 'rejected'])
    const again = writer.killed()
    assert.equal(groups.at(-1), 'kill 1')
    await end()
    await again
    assert.deepEqual(failures, [])
  })

  it('whose end is unknown are the last ones', async () => {
    const { groups, kills, writer, failures, end } = scene()
    kills.push(kill(1), null)
    const killed = assert.rejects(writer.killed())
    const asked = assert.rejects(writer.submit([remove(5)]))
    await end(new VarveError('COMMIT_UNKNOWN', 'sync failed'))
    await Promise.all([killed, asked])
    assert.equal(failures.length, 1)
    await assert.rejects(writer.submit([remove(6)]))
    await assert.rejects(writer.killed())
    assert.equal(groups.length, 1)
  })
})
