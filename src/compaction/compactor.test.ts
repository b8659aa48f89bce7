import assert from 'node:assert/strict'
import { test } from 'node:test'
import { follow } from '../../test/support/scenes/commit-scene.js'
import { CompactorScene, leveledPickers } from '../../test/support/scenes/compactor-scene.js'
import { sampleTable } from '../../test/support/samples/manifest-samples.js'
import { drawnVersion } from '../../test/support/scenes/pick-scene.js'
import { tableFileName, VarveError } from '../base/index.js'
import { levelOf } from '../manifest/index.js'
import type { CompactionPick, Picker } from '../pick/compaction-pick.js'
import { EditRefused } from '../versions/version-set.js'

const STACK = ['4: a-c', '3: a-c', '2: a-c', '1: a-c']
const stack = () => drawnVersion({ 0: STACK })
const twoStacks = () => drawnVersion({ 0: ['8: x-z', '7: x-z', '6: x-z', '5: x-z', ...STACK] })

function picking(pick: Picker['pick']): Picker {
  return {
    pick, scores: () => [], pendingBytes: () => 0, pressures: () => [], tidy: () => nothing, within: () => nothing,
  }
}

/** Picks a move of the first table of level 0 to level 6. */
function moveOf(...[version]: Parameters<Picker['pick']>): CompactionPick | null {
  const table = version.levels[0]!.tables.at(-1)
  if (table === undefined) return null
  return {
    kind: 'move', reason: 'manual', inputs: [{ level: 0, tables: [table] }], outputLevel: 6, below: [],
    tableBytes: 100, overlapBytesMax: 100, score: 0, condemned: [],
  }
}

function entriesOf({ current }: CompactorScene): number {
  return current.levels[0]!.tables.reduce((sum, { entryCount }) => sum + entryCount, 0)
}

const nothing = picking(() => null)
const still = { paused: nothing, quiet: nothing }
const idle = { busy: nothing, ...still }

test('COMP-4: run → publish → edit → installed; inputs are given away when the edit is durable', () => {
  const scene = new CompactorScene(stack())
  scene.compactor.schedule()
  assert.deepEqual([scene.doing, scene.news], [['run 4 3 2 1'], ['begins 1: 4 3 2 1']])
  scene.ran()
  assert.deepEqual(scene.doing, ['publish 100'])
  scene.published(['a temp name'])
  assert.deepEqual(scene.edits[0]!.edit.deleteTables?.map(({ fileNum }) => fileNum), [4, 3, 2, 1])
  assert.deepEqual(scene.news, ['abandoned 1 names'], 'a temp name that stayed beside the final one')
  assert.equal(scene.compactor.running.length, 1, 'no input is given away yet')
  scene.durable()
  assert.deepEqual(scene.news, ['replaced 4 3 2 1', 'installed 1'])
  const { completedCount, failedCount, totals, running } = scene.compactor
  assert.deepEqual([completedCount, failedCount, totals.readBytes, running], [1, 0, 400, []])
})

test('COMP-4: in fast mode readers see the outputs at once; inputs stay until a reopen would see them too', () => {
  const scene = new CompactorScene(stack(), { isStrict: false })
  scene.compactor.schedule()
  assert.deepEqual([scene.runInput.isSynced, scene.runInput.fileNames[0]], [false, tableFileName(100)])
  scene.finishRun()
  assert.deepEqual(scene.news, ['begins 1: 4 3 2 1', 'installed 1'])
  scene.held[0]!()
  assert.deepEqual(scene.news, ['replaced 4 3 2 1'])
})

test('COMP-2: runs go side by side where they share nothing, and a picker that forgets is held to it (C08)', () => {
  const scene = new CompactorScene(twoStacks(), { workerCount: 4 })
  scene.compactor.schedule()
  assert.deepEqual(scene.doing, ['run 4 3 2 1', 'run 8 7 6 5'])
  const { busy } = leveledPickers()
  const forgetful = picking((version, _running, held, blocked) => busy.pick(version, [], held, blocked))
  const other = new CompactorScene(twoStacks(), { workerCount: 4, pickers: { busy: forgetful, ...still } })
  other.compactor.schedule()
  assert.equal(other.doing.length, 1)
  const alone = new CompactorScene(twoStacks(), { workerCount: 2 })
  alone.compactor.schedule()
  assert.equal(alone.doing.length, 1, 'one worker is left for flushes')
})

test('COMP-5, C14: a run that fails each time is tried again, ever later, under numbers of its own', async () => {
  const scene = new CompactorScene(stack())
  scene.compactor.schedule()
  const numbers = new Set<number>()
  for (const delayMs of [200, 400, 800, 1600]) {
    for (const { fileNum } of scene.runInput.headers) {
      assert.ok(!numbers.has(fileNum), `${fileNum} is used again`)
      numbers.add(fileNum)
    }
    const names = scene.runInput.fileNames.length
    scene.fails()
    assert.match(scene.news.join(', '), new RegExp(`abandoned ${names} names, failed \\d: IO_ERROR, again later`))
    scene.compactor.schedule()
    await scene.clock.advance(delayMs - 1)
    assert.deepEqual(scene.doing, [], 'not yet')
    await scene.clock.advance(1)
    assert.deepEqual(scene.doing, ['run 4 3 2 1'])
  }
  for (let i = 0; i < 8; i++) {
    scene.fails()
    await scene.clock.advance(60_000)
    assert.equal(scene.doing.length, 1, 'at least each minute')
  }
  scene.finishRun()
  assert.deepEqual([scene.compactor.failedCount, scene.compactor.completedCount], [12, 1])
})

test('a success makes the next back-off short again', async () => {
  const scene = new CompactorScene(twoStacks())
  scene.compactor.schedule()
  for (const delayMs of [200, 400]) {
    scene.fails()
    await scene.clock.advance(delayMs)
  }
  scene.finishRun()
  scene.fails()
  await scene.clock.advance(200)
  assert.equal(scene.doing.length, 1)
})

test('a move is no success that makes the back-off short: it writes no table', async () => {
  let isMoveNext = false
  const { busy } = leveledPickers()
  const either = picking((version, ...state) => {
    const levels = [levelOf(0, version.levels[0]!.tables.filter(({ fileNum }) => fileNum > 8))]
    const pick = isMoveNext ? moveOf({ ...version, levels }, ...state) : busy.pick(version, ...state)
    isMoveNext = false
    return pick
  })
  const version = drawnVersion({ 0: ['10: p-q', '9: m-n', ...STACK] })
  const scene = new CompactorScene(version, { pickers: { busy: either, ...still }, isStrict: false })
  scene.compactor.schedule()
  for (const delayMs of [200, 400, 800]) {
    scene.fails()
    isMoveNext = delayMs > 200
    await scene.clock.advance(delayMs - 1)
    assert.deepEqual(scene.doing, [])
    await scene.clock.advance(1)
    assert.equal(scene.doing.length, 1)
  }
  assert.equal(scene.compactor.movedCount, 2)
})

test('C02: a corrupt input is left alone, at once and for good; another corruption is tried again', async () => {
  const scene = new CompactorScene(twoStacks())
  scene.compactor.schedule()
  scene.fails('CORRUPTION', tableFileName(1))
  assert.deepEqual([...scene.compactor.blocked], [1])
  assert.equal(scene.told.includes('failed 1: CORRUPTION'), true, 'not again')
  assert.deepEqual(scene.doing, ['run 8 7 6 5'], 'the rest goes on without a pause')
  scene.fails('CORRUPTION', tableFileName(77))
  assert.equal(scene.told.at(-1), 'failed 2: CORRUPTION, again later')
  assert.deepEqual([...scene.compactor.blocked], [1])
  await scene.clock.advance(200)
  scene.finishRun()
  await scene.clock.advance(10_000)
  assert.deepEqual(scene.doing, [], 'what lies over the corrupt table stays')
})

test('a name that cannot be given: it and the temp files are abandoned, and it is tried again', async () => {
  const scene = new CompactorScene(stack())
  scene.compactor.schedule()
  scene.ran()
  scene.fails('NO_SPACE', tableFileName(100), 'publishTables')
  assert.deepEqual(scene.news.slice(1), ['abandoned 11 names', 'failed 1: NO_SPACE, again later'])
  await scene.clock.advance(200)
  assert.deepEqual([scene.doing, scene.edits], [['run 4 3 2 1'], []])
})

test('outputs that cannot be read back go, names included, before the manifest hears of them', async () => {
  const scene = new CompactorScene(stack())
  scene.openError = new VarveError('CORRUPTION', 'unreadable', { file: tableFileName(100) })
  scene.compactor.schedule()
  scene.ran()
  scene.published()
  assert.deepEqual(scene.news.slice(1), ['replaced 100', 'abandoned 10 names', 'failed 1: CORRUPTION, again later'])
  assert.deepEqual([scene.edits, [...scene.compactor.blocked]], [[], []])
})

test('outputs are opened one at a time: the event loop, or who polls, comes in between', () => {
  const scene = new CompactorScene(stack())
  scene.compactor.schedule()
  const kinds = { tombstoneCount: 0, smallestSeqNum: 1, largestSeqNum: 9 }
  const outputs = ['a-a', 'b-b', 'c-c'].map((keys, i) => sampleTable(100 + i, keys, kinds))
  const keptCount = outputs.reduce((sum, { entryCount }) => sum + entryCount, 0)
  scene.ran({ outputs, keptCount, droppedVersionCount: entriesOf(scene) - keptCount })
  scene.published()
  for (const opened of [[100], [100, 101], [100, 101, 102]]) {
    assert.deepEqual([scene.opened, scene.edits.length], [opened, opened.length === 3 ? 1 : 0])
    if (opened.length < 3) scene.passed()
  }
})

test('the directory or the manifest fails: nothing is given away, abandoned or begun any more', async () => {
  for (const isManifest of [false, true]) {
    const scene = new CompactorScene(stack())
    scene.compactor.schedule()
    scene.ran()
    scene.news
    if (isManifest) {
      scene.published()
      scene.compactor.suspend() // The host does this too.
      scene.edits.shift()!.done(new VarveError('IO_ERROR', 'manifest'))
    } else scene.fails('IO_ERROR', '.', 'publishTables')
    assert.deepEqual(scene.news, isManifest ? [] : ['directory failed'])
    await scene.clock.advance(100_000)
    assert.deepEqual([scene.doing, scene.edits, scene.news, scene.compactor.running], [[], [], [], []])
    await scene.compactor.resting()
  }
})

test('an edit that is refused: the outputs go, what a move would have moved stays, and it is tried again', async () => {
  for (const isMove of [false, true]) {
    const scene = new CompactorScene(stack(), isMove ? { pickers: { busy: picking(moveOf), ...still } } : {})
    scene.compactor.schedule()
    if (!isMove) {
      scene.ran()
      scene.published()
    }
    scene.news
    scene.edits.shift()!.done(new EditRefused({ level: 0, fileNum: 3 }))
    const failed = 'failed 1: INTERNAL, again later'
    assert.deepEqual(scene.news, isMove ? [failed] : ['replaced 100', 'abandoned 10 names', failed])
    await scene.clock.advance(200)
    assert.equal(scene.compactor.running.length, 1)
  }
})

test('what a run says about itself is checked before it is believed', () => {
  for (const lie of [
    { keptCount: 9 }, { droppedTombstoneCount: 1 }, { table: { fileNum: 55 } }, { table: { entryCount: 0 } },
    { table: { largestKey: new Uint8Array([0x7a]) } }, { outputs: [] },
  ]) {
    const scene = new CompactorScene(stack())
    scene.compactor.schedule()
    scene.ran(lie)
    assert.equal(scene.told.at(-1), 'failed 1: INTERNAL, again later', JSON.stringify(lie))
    assert.deepEqual([scene.doing, scene.edits], [[], []])
  }
})

test('suspended: runs are asked to give up, which is no failure; resumed it begins again', async () => {
  const scene = new CompactorScene(stack())
  const { compactor } = scene
  compactor.schedule()
  const control = new Int32Array(scene.runInput.control)
  const waiting = follow(compactor.nextEnd())
  compactor.suspend()
  const resting = follow(compactor.resting())
  await scene.clock.turn()
  assert.deepEqual([control[0], waiting.state, resting.state], [1, 'done', 'waiting'])
  scene.fails('ABORTED')
  await scene.clock.turn()
  assert.deepEqual([resting.state, compactor.failedCount, scene.clock.timerCount], ['done', 0, 0])
  compactor.schedule()
  await scene.clock.advance(100_000)
  assert.deepEqual([scene.doing, compactor.isStopped], [[], true])
  compactor.resume()
  assert.deepEqual([scene.doing, compactor.isStopped], [['run 4 3 2 1'], false])
})

test('an ABORTED that nobody asked for is a failure', () => {
  const scene = new CompactorScene(stack())
  scene.compactor.schedule()
  scene.fails('ABORTED')
  assert.equal(scene.compactor.failedCount, 1)
})

test('extra pickers come first; giving up ends only what they asked for', async () => {
  const scene = new CompactorScene(twoStacks(), { workerCount: 4 })
  const { compactor } = scene
  const { busy } = leveledPickers()
  const upper = picking((version, running, held, blocked) => {
    const [level0, ...deeper] = version.levels
    const newest = levelOf(0, level0!.tables.slice(0, 4))
    return busy.pick({ ...version, levels: [newest, ...deeper] }, running, held, blocked)
  })
  compactor.addExtra(upper)
  assert.deepEqual(scene.doing, ['run 8 7 6 5', 'run 4 3 2 1'])
  assert.equal(compactor.isDone(upper), false)
  compactor.giveUp(upper)
  const controls = compactor.running.map(({ control }) => control[0])
  assert.deepEqual(controls, [1, 0])
  compactor.extra.remove(upper)
  scene.fails('ABORTED')
  assert.equal(compactor.failedCount, 0)
  assert.deepEqual(scene.doing, ['run 4 3 2 1', 'run 8 7 6 5'], 'the style wants it too')
  assert.equal(compactor.running[1]!.askedBy, null)
})

test('who waits for a step is woken when a back-off ends and nothing is left to do', async () => {
  const scene = new CompactorScene(stack())
  const { compactor } = scene
  compactor.schedule()
  scene.fails()
  const waiting = follow(compactor.nextEnd())
  scene.current = drawnVersion({})
  await scene.clock.advance(200)
  assert.deepEqual([waiting.state, compactor.isDone(nothing)], ['done', true])
})

test('who asked is told after three failures in a row; asking ends the pause after failures', async () => {
  const scene = new CompactorScene(stack())
  const { compactor } = scene
  const asked = picking((...state) => leveledPickers().busy.pick(...state))
  compactor.schedule()
  scene.fails()
  await scene.clock.advance(200)
  scene.fails()
  compactor.addExtra(asked)
  for (const delayMs of [200, 400]) {
    assert.deepEqual([scene.doing, compactor.extra.failureOf(asked)], [['run 4 3 2 1'], null])
    scene.fails()
    await scene.clock.advance(delayMs)
  }
  scene.fails('NO_SPACE')
  assert.equal((compactor.extra.failureOf(asked)!.error as VarveError).code, 'NO_SPACE')
  assert.equal(compactor.isDone(asked), false)
  compactor.extra.remove(asked)
  assert.equal(compactor.extra.failureOf(asked), null)
  await scene.clock.advance(800)
  assert.deepEqual(scene.doing, ['run 4 3 2 1'], 'the style goes on trying')
})

test('it is done when it would want nothing, whatever is under way or waits', () => {
  const scene = new CompactorScene(twoStacks())
  const { compactor } = scene
  compactor.schedule()
  assert.deepEqual([compactor.running.length, compactor.isDone(nothing)], [1, true])
  scene.fails()
  assert.deepEqual([compactor.isDone(nothing), compactor.isDone(leveledPickers().busy)], [true, false])
})

test('a move writes nothing and takes no numbers; thousands of them in a row are no recursion', () => {
  let left = 20_000
  const pickers = {
    busy: picking((...state) => (left-- > 0 ? moveOf(...state) : null)), ...still,
  }
  const scene = new CompactorScene(drawnVersion({ 0: ['1: a-c'] }), { pickers, isStrict: false })
  scene.holdBack = () => undefined // The version does not change, so there is always work.
  scene.compactor.schedule()
  assert.deepEqual([scene.compactor.movedCount, scene.allocateFileNum(), scene.doing], [20_000, 100, []])
  scene.held[0]!()
  assert.equal(scene.told.at(-1), 'replaced ', 'a table that only moved stays')
})

test('what is worth it only in quiet times waits for a second without a write', async () => {
  const quiet = picking((version) => moveOf(version, [], Infinity, new Set()))
  const scene = new CompactorScene(drawnVersion({ 0: ['1: a-c'] }), { pickers: { ...idle, quiet } })
  scene.compactor.schedule()
  await scene.clock.advance(900)
  scene.seqNum++
  await scene.clock.advance(1050)
  assert.deepEqual(scene.news, [], 'a write came')
  await scene.clock.advance(50)
  assert.deepEqual(scene.news, ['quiet', 'begins 1: 1'])
})

test('what makes reads faster waits for a quarter of a second without a write, also beside another run', async () => {
  const paused = picking((version) => moveOf(version, [], Infinity, new Set()))
  const scene = new CompactorScene(drawnVersion({ 0: ['1: a-c'] }), { pickers: { ...idle, paused } })
  scene.compactor.schedule()
  await scene.clock.advance(200)
  scene.seqNum++
  await scene.clock.advance(290)
  assert.deepEqual(scene.news, [], 'a write came')
  await scene.clock.advance(10)
  assert.deepEqual([scene.news, scene.pauseCount], [['begins 1: 1'], 1])
  const busy = new CompactorScene(stack(), { pickers: { ...leveledPickers(), ...still } })
  busy.compactor.schedule()
  assert.deepEqual(busy.news, ['begins 1: 4 3 2 1'])
  busy.write()
  await busy.clock.advance(200)
  busy.write()
  await busy.clock.advance(1000)
  assert.deepEqual([busy.news, busy.pauseCount, busy.clock.timerCount], [[], 1, 0])
})

test('when a snapshot goes while a trickle of writes goes on, the busy picker is asked within a second', async () => {
  let isAsked = false
  const busy = picking((_version, _running, held) => {
    isAsked ||= held === Infinity
    return null
  })
  const scene = new CompactorScene(drawnVersion({}), { pickers: { busy, ...still } })
  const trickle = async (ms: number) => {
    for (let at = 0; at < ms; at += 100) {
      scene.seqNum++
      await scene.clock.advance(100)
    }
  }
  scene.snapshots = [5]
  scene.compactor.schedule()
  await trickle(3000)
  assert.equal(isAsked, false)
  scene.snapshots = []
  await trickle(1000)
  assert.deepEqual([isAsked, scene.news], [true, []])
})

test('how fast level 0 is relieved, and when next: known while something runs out of it', async () => {
  const scene = new CompactorScene(stack())
  const { compactor } = scene
  const look = () => [compactor.speed.drainBytesPerMs, compactor.speed.reliefMs]
  assert.deepEqual(look(), [0, Infinity])
  compactor.schedule()
  const control = new Int32Array(scene.runInput.control)
  assert.deepEqual(look(), [0, Infinity], 'nothing is measured yet')
  await scene.clock.advance(100)
  control[1] = 1 // One unit of 64 KiB is more than the inputs have.
  assert.deepEqual(look(), [64 * 1024 / 100, 0])
  scene.finishRun()
  assert.deepEqual(look().map((n) => Number.isNaN(n)), [false, false])
  assert.equal(compactor.speed.reliefMs, Infinity, 'nothing runs')
})

test('while a snapshot is held, quiet times are looked at again', async () => {
  const scene = new CompactorScene(drawnVersion({}), { pickers: idle })
  scene.snapshots = [5]
  scene.compactor.schedule()
  await scene.clock.advance(3000)
  assert.equal(scene.news.length, 3)
  scene.snapshots = []
  await scene.clock.advance(3000)
  assert.deepEqual([scene.news.length, scene.clock.timerCount], [1, 0])
})
