/** What: orders of numbers that miss none, and draws that follow their law. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import { drawLatest, drawOf } from './draws.js'
import { Latencies } from './latencies.js'
import { NumberOrder } from './number-order.js'

test('an order has each number once, and looks random', () => {
  for (const count of [1, 2, 3, 10, 1000, 65_536, 65_537]) {
    const order = new NumberOrder(count, 5)
    const numbers = Array.from({ length: count }, (_, place) => order.at(place))
    assert.deepEqual(Uint32Array.from(numbers).sort(), Uint32Array.from({ length: count }, (_, i) => i), `${count}`)
    const inPlace = numbers.filter((number, place) => number === place).length
    assert.ok(count < 10 || inPlace < count / 5, `${inPlace} of ${count} stand where they stood`)
    const rises = numbers.filter((number, place) => place > 0 && number > numbers[place - 1]!).length
    assert.ok(count < 1000 || Math.abs(rises / count - 0.5) < 0.05, `${rises} of ${count} are above the one before`)
  }
})

test('another seed gives another order', () => {
  const [one, two] = [new NumberOrder(1000, 1), new NumberOrder(1000, 2)]
  const same = Array.from({ length: 1000 }, (_, place) => place).filter((place) => one.at(place) === two.at(place))
  assert.ok(same.length < 50, `${same.length} of 1000 are the same`)
})

test('uniform draws ask for every entry alike', () => {
  const counts = countDraws(drawOf('uniform', 10, new SeededRandom(1)), 10, 100_000)
  for (const count of counts) assert.ok(Math.abs(count - 10_000) < 500, `${count}`)
})

test('Zipf draws follow the law', () => {
  const entryCount = 100_000
  const drawn = 400_000
  const counts = countDraws(drawOf('zipf', entryCount, new SeededRandom(1)), entryCount, drawn)
  const byRank = [...counts].sort((a, b) => b - a)
  let zeta = 0
  for (let rank = 1; rank <= entryCount; rank++) zeta += rank ** -0.99
  const near = (actual: number, expected: number, part: number): void =>
    assert.ok(Math.abs(actual - expected) < part * expected, `${actual} instead of ${expected}`)
  near(byRank[0]!, drawn / zeta, 0.05)
  near(byRank[1]!, drawn / zeta / 2 ** 0.99, 0.05)
  const hottest = byRank.slice(0, 1000).reduce((sum, count) => sum + count, 0)
  let expected = 0
  for (let rank = 1; rank <= 1000; rank++) expected += rank ** -0.99
  near(hottest, (drawn * expected) / zeta, 0.05)
})

test('the latest entries are asked for most, while entries are added', () => {
  let entryCount = 1000
  const draw = drawLatest(() => entryCount, new SeededRandom(3))
  const first = countDraws(draw, entryCount, 10_000)
  assert.ok(first[999]! > 1000 && first[999]! > first[998]!, `${first[999]} of 10000 for the last one`)
  entryCount = 1100
  const second = countDraws(draw, entryCount, 10_000)
  assert.ok(second[1099]! > 1000, `${second[1099]} of 10000 for the last one`)
})

test('percentiles are right to 5 %', () => {
  const latencies = new Latencies()
  assert.equal(latencies.percentileUs(0.5), 0)
  for (let us = 1; us <= 10_000; us++) latencies.add(us / 1000)
  for (const part of [0.5, 0.99, 0.999]) {
    const [actual, expected] = [latencies.percentileUs(part), 10_000 * part]
    assert.ok(Math.abs(actual / expected - 1) < 0.05, `${actual} instead of ${expected}`)
  }
  latencies.add(0)
  latencies.add(Number.MAX_VALUE)
  assert.ok(latencies.percentileUs(0.00001) < 0.1, 'what is too short to tell counts as short')
  assert.ok(latencies.percentileUs(1) > 1e6, 'what is too long to tell counts as long')
})

function countDraws(draw: () => number, entryCount: number, times: number): Uint32Array {
  const counts = new Uint32Array(entryCount)
  for (let time = 0; time < times; time++) {
    const i = draw()
    assert.ok(Number.isInteger(i) && i >= 0 && i < entryCount, `${i}`)
    counts[i]!++
  }
  return counts
}
