/** The disk is looked at before values are moved, and again when there was no room. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HandClock } from '../../test/support/fakes/hand-clock.js'
import { emptyVersion } from '../manifest/index.js'
import type { CompactionPick } from '../pick/index.js'
import type { ExtraPicker } from './compaction-task.js'
import { SpaceWatch } from './space-watch.js'

const merge = { condemned: [] as readonly number[] } as CompactionPick
const values = { condemned: [7] as readonly number[] } as CompactionPick

function picking(pickWithin: (roomBytes: number) => CompactionPick | null): ExtraPicker {
  const within = (roomBytes: number) => ({ pick: () => pickWithin(roomBytes) })
  return { ...within(Infinity), within }
}
const asking = ({ pick }: ExtraPicker): CompactionPick | null => pick(emptyVersion, [], Infinity, new Set())

/** A picker that moves values when there is room for 100 bytes, and else merges. */
function scene(otherwise: CompactionPick | null = merge) {
  const clock = new HandClock()
  const answers: ((room: number) => void)[] = []
  const looked: number[] = []
  const ask = (): Promise<number> => new Promise((resolve) => answers.push(resolve))
  const watch = new SpaceWatch(clock, ask, () => looked.push(1))
  const pick = (): CompactionPick | null => watch.pick(picking((room) => (room >= 100 ? values : otherwise)), asking)
  const answer = async (room: number): Promise<void> => {
    answers.shift()!(room)
    await new Promise(setImmediate)
  }
  return { clock, watch, pick, answer, answers, looked }
}

test('A23, VLG-16: until the room is known, and when it is too small, what else there is to do is done', async () => {
  const { clock, pick, answer, answers, looked } = scene()
  assert.deepEqual([pick(), pick()], [merge, merge])
  assert.equal(answers.length, 1, 'one look at a time')
  await answer(99)
  assert.deepEqual([looked.length, pick(), answers.length], [1, merge, 0])
  await clock.advance(1000)
  assert.equal(pick(), merge)
  await answer(100)
  assert.deepEqual([looked.length, pick(), answers.length], [2, values, 0])
})

test('A23: when there was no room, the disk is looked at again by itself, until the end', async () => {
  const { clock, watch, pick, answer, answers, looked } = scene(null)
  assert.equal(pick(), null)
  await answer(0)
  assert.equal(pick(), null)
  await clock.advance(9999)
  assert.equal(answers.length, 0)
  await clock.advance(1)
  await answer(100)
  assert.deepEqual([looked.length, pick()], [2, values])
  await clock.advance(1000)
  pick()
  await answer(0)
  pick()
  watch.stop()
  assert.equal(clock.timerCount, 0)
})

test('a picker that moves no values is asked once, and the disk is not looked at', () => {
  const { watch, answers } = scene()
  const asked: number[] = []
  assert.equal(watch.pick(picking((room) => (asked.push(room), merge)), asking), merge)
  assert.deepEqual([asked, answers.length], [[Infinity], 0])
})

test('A23: a disk that does not tell what is free has room', async () => {
  const watch = new SpaceWatch(new HandClock(), () => Promise.reject(new Error('told to fail')), () => undefined)
  const pick = (): CompactionPick | null => watch.pick(picking((room) => (room === Infinity ? values : null)), asking)
  assert.equal(pick(), null)
  await new Promise(setImmediate)
  assert.equal(pick(), values)
})
