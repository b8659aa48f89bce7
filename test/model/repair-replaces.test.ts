/**
 * TAB-2, as a repair uses it: a leveled tree whose manifest is lost, no file lost, with files whose removal failed:
 * exactly the live tables count, whatever has become of the outputs of old jobs.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import { judgeTables } from '../../src/repair/index.js'
import type { JudgedTable } from '../../src/repair/index.js'
import { drawnNumbers } from '../support/harness/share.js'

const KEYS = 1000
const CAPACITIES = [4, 10, 35, Infinity]
const WIDTHS = [0, 60, 20, 8]

interface ModelTable extends JudgedTable {
  lower: number
  upper: number
}

/** A tree of four levels, and what its tables say of each other. */
class ModelTree {
  readonly files = new Map<number, ModelTable>()
  readonly levels: ModelTable[][] = [[], [], [], []]
  private readonly random: SeededRandom
  private readonly failed = new Set<number>()
  private last = 0

  constructor(seed: number) {
    this.random = new SeededRandom(seed, 'replaces model')
  }

  get live(): number[] {
    return this.levels.flat().map(({ fileNum }) => fileNum).sort((a, b) => a - b)
  }

  step(): void {
    const fileNum = ++this.last
    this.add(0, { fileNum, group: fileNum, isLast: true, inputs: [], unlisted: this.unlisted(), lower: 0, upper: KEYS })
    for (let level = 0; level < 3; level++) {
      while (this.levels[level]!.length > CAPACITIES[level]!) this.compact(level)
    }
  }

  /** The outputs of a job whose edit never came, but for `missing` of them. */
  debris(missing: number): number[] {
    const inputs = this.levels[0]!.map(({ fileNum }) => fileNum)
    const group = this.last + 1
    const made: number[] = []
    for (let i = 0; i < 4; i++) {
      const fileNum = ++this.last
      if (i >= 4 - missing) continue
      this.files.set(fileNum, {
        fileNum, group, isLast: i === 3, inputs, unlisted: this.unlisted(), lower: i * 250, upper: i * 250 + 250,
      })
      made.push(fileNum)
    }
    return made
  }

  private unlisted(): number[] {
    return [...this.failed].filter((fileNum) => this.files.has(fileNum)).sort((a, b) => a - b)
  }

  private compact(level: number): void {
    const all = this.levels[level]!
    const upper = level === 0 ? [...all] : [this.random.pick(all)]
    const [from, to] = [Math.min(...upper.map((one) => one.lower)), Math.max(...upper.map((one) => one.upper))]
    const lower = this.levels[level + 1]!.filter((one) => one.lower < to && from < one.upper)
    const inputs = [...upper, ...lower]
    const [first, end] = [Math.min(...inputs.map((one) => one.lower)), Math.max(...inputs.map((one) => one.upper))]
    const unlisted = this.unlisted()
    const group = this.last + 1
    const outputs: ModelTable[] = []
    for (let key = first; key < end; key += WIDTHS[level + 1]!) {
      outputs.push({
        fileNum: ++this.last, group, isLast: false, inputs: inputs.map(({ fileNum }) => fileNum), unlisted, lower: key,
        upper: Math.min(end, key + WIDTHS[level + 1]!),
      })
    }
    outputs[outputs.length - 1] = { ...outputs.at(-1)!, isLast: true }
    for (const one of upper) this.remove(level, one)
    for (const one of lower) this.remove(level + 1, one)
    for (const one of outputs) this.add(level + 1, one)
  }

  private add(level: number, table: ModelTable): void {
    this.files.set(table.fileNum, table)
    this.levels[level]!.push(table)
  }

  private remove(level: number, table: ModelTable): void {
    this.levels[level] = this.levels[level]!.filter((one) => one !== table)
    if (this.random.chance(0.005)) this.failed.add(table.fileNum)
    else this.files.delete(table.fileNum)
  }
}

test('the live tables count and no other, whatever was left behind', (t) => {
  let [stale, groups] = [0, 0]
  for (const seed of drawnNumbers('trees', 6)) {
    const tree = new ModelTree(seed)
    for (let step = 0; step < 1500; step++) {
      tree.step()
      if (step % 50 !== 49) continue
      const { counting } = judgeTables([...tree.files.values()])
      assert.deepEqual([...counting].sort((a, b) => a - b), tree.live, `seed ${seed}, step ${step}`)
      stale = Math.max(stale, tree.files.size - counting.size)
      groups = Math.max(groups, new Set([...tree.files.values()].map(({ group }) => group)).size)
    }
  }
  t.diagnostic(`up to ${stale} files left behind, ${groups} jobs of which something is there`)
  assert.ok(stale > 5 && groups > 50)
})

test('what a crash left of a job does not count while an output and no input is missing', () => {
  const tree = new ModelTree(1)
  for (let step = 0; step < 7; step++) tree.step()
  const live = tree.live
  const left = tree.debris(1)
  const { counting, debris } = judgeTables([...tree.files.values()])
  assert.deepEqual([...counting].sort((a, b) => a - b), live)
  assert.deepEqual([...debris].sort((a, b) => a - b), left)
  // Once an input is gone the edit was durable: the outputs stand for the inputs, those that are missing or not.
  const [gone] = tree.levels[0]!
  tree.files.delete(gone!.fileNum)
  const after = judgeTables([...tree.files.values()])
  assert.ok(left.every((fileNum) => after.counting.has(fileNum)))
  assert.ok(tree.levels[0]!.every(({ fileNum }) => !after.counting.has(fileNum)))
})
