/**
 * Nobody gets a directory beside another: every order of the calls of two claimants, and drawn orders of more, which
 * may die anywhere, release, and come back, after every kind of file that a crash may leave.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drawn } from '../../test/support/harness/share.js'
import { SeededRandom } from '../base/index.js'
import { claimGeneration, removeLower } from './lock-claim.js'
import type { GenerationFiles } from './lock-claim.js'

interface Owner {
  id: number
  isReleased: boolean
}

/** The files of a directory, which all claimants see. */
type Files = Map<number, Owner | 'unreadable'>

class Scene {
  readonly files: Files
  readonly dead = new Set<number>()
  /** Claimants that have the directory and have not died. */
  readonly holders = new Map<number, number>()
  readonly given: number[] = []
  readonly claimants: Claimant[] = []
  problem = ''

  constructor(files: Files) {
    this.files = new Map(files)
  }

  die(claimant: Claimant): void {
    this.dead.add(claimant.id)
    this.holders.delete(claimant.id)
    claimant.stop()
  }
}

/** One process, whose calls happen when `step` says so. */
class Claimant implements GenerationFiles<Owner> {
  readonly id: number
  private readonly scene: Scene
  private waiting: (() => void) | null = null
  private isStopped = false
  /** Called when it waits again, or has ended. */
  private onRest: () => void = () => undefined

  constructor(scene: Scene, id: number, tries: number) {
    this.scene = scene
    this.id = id
    void this.run(tries).then(() => this.onRest())
  }

  get isReady(): boolean {
    return this.waiting !== null && !this.isStopped
  }

  /** Lets the next call happen, and all that follows from it before the returned promise resolves. */
  step(): Promise<void> {
    const act = this.waiting!
    this.waiting = null
    return new Promise((resolve) => {
      this.onRest = resolve
      act()
    })
  }

  stop(): void {
    this.isStopped = true
  }

  private async run(tries: number): Promise<void> {
    const { scene, id } = this
    for (let i = 0; i < tries; i++) {
      const generation = await claimGeneration<Owner>(this, (owner) => {
        if (!owner.isReleased && !scene.dead.has(owner.id)) throw new Error('LOCKED')
      }).catch(() => null)
      if (generation === null) continue
      if (scene.holders.size > 0) scene.problem = `${id} got ${generation} beside another`
      if (generation <= Math.max(0, ...scene.given)) scene.problem = `generation ${generation} was given before`
      scene.holders.set(id, generation)
      scene.given.push(generation)
      await removeLower(this, generation)
      await this.turn(() => {
        scene.holders.delete(id)
        scene.files.set(generation, { id, isReleased: true })
      })
    }
  }

  list(): Promise<number[]> {
    return this.turn(() => [...this.scene.files.keys()].sort((a, b) => a - b))
  }

  read(generation: number): Promise<Owner | 'unreadable' | 'absent'> {
    return this.turn(() => this.scene.files.get(generation) ?? 'absent')
  }

  create(generation: number): Promise<boolean> {
    return this.turn(() => {
      if (this.scene.files.has(generation)) return false
      this.scene.files.set(generation, 'unreadable')
      return true
    })
  }

  write(generation: number): Promise<void> {
    // The write goes into the file that was made, wherever its name is now.
    return this.turn(() => {
      if (this.scene.files.has(generation)) this.scene.files.set(generation, { id: this.id, isReleased: false })
    })
  }

  remove(generation: number): Promise<void> {
    return this.turn(() => void this.scene.files.delete(generation))
  }

  private turn<T>(act: () => T): Promise<T> {
    return new Promise((resolve) => {
      this.waiting = () => resolve(act())
      this.onRest()
    })
  }
}

const starts: [string, Files][] = [
  ['empty', new Map()],
  ['released', new Map([[7, { id: 99, isReleased: true }]])],
  ['torn', new Map([[7, 'unreadable']])],
  ['two left', new Map<number, Owner | 'unreadable'>([[7, { id: 99, isReleased: true }], [8, 'unreadable']])],
]

/** Runs all orders that begin with `path`, longest first; returns how many. */
async function everyOrder(start: Files, count: number, check: (scene: Scene) => void): Promise<number> {
  let orders = 0
  const path: number[] = []
  for (;;) {
    const scene = new Scene(start)
    for (let id = 0; id < count; id++) scene.claimants.push(new Claimant(scene, id, 1))
    await null
    const choices: number[] = []
    for (let at = 0; ; at++) {
      const ready = scene.claimants.filter((claimant) => claimant.isReady)
      if (ready.length === 0) break
      path[at] ??= 0
      choices[at] = ready.length
      await ready[path[at]!]!.step()
    }
    assert.equal(scene.problem, '', `order ${path.join('')}`)
    check(scene)
    orders++
    let at = choices.length - 1
    while (at >= 0 && path[at]! + 1 >= choices[at]!) at--
    if (at < 0) return orders
    path.length = at + 1
    path[at]!++
  }
}

test('two claimants, every order of their calls', async () => {
  for (const [name, start] of starts) {
    let winners = 0
    const orders = await everyOrder(start, 2, (scene) => {
      winners += scene.given.length
      assert.ok([...scene.files.values()].every((owner) => owner === 'unreadable' || owner.isReleased), name)
    })
    assert.ok(orders > 300 && winners > orders / 2, `${name}: ${orders} orders, ${winners} winners`)
  }
})

/** Runs claimants that come back, some of which die somewhere. */
async function drawnOrders(seed: number): Promise<void> {
  const random = new SeededRandom(seed, 'claims')
  const scene = new Scene(starts[random.below(starts.length)]![1])
  const add = (): void => void scene.claimants.push(new Claimant(scene, scene.claimants.length, 4))
  for (let i = 0; i < 3; i++) add()
  await null
  const stickiness = random.below(10) / 10
  let last: Claimant | null = null
  for (let i = 0; i < 300; i++) {
    const ready = scene.claimants.filter((claimant) => claimant.isReady)
    assert.equal(scene.problem, '')
    if (ready.length === 0) return
    // One claimant makes several calls in a row, so that others pause for long.
    if (!ready.includes(last!) || !random.chance(stickiness)) last = ready[random.below(ready.length)]!
    const chosen = last!
    if (random.chance(0.03)) {
      scene.die(chosen)
      add()
      await null
    } else await chosen.step()
  }
}

test('several that come back and die: never two, and numbers rise', async () => {
  const seeds = Array.from({ length: 2000 }, (_, i) => i + 1)
  for (const seed of drawn('claims', seeds)) {
    await drawnOrders(seed).catch((error: unknown) => {
      throw new Error(`seed ${seed}`, { cause: error })
    })
  }
})
