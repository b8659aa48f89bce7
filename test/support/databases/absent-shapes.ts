/**
 * What: databases at rest, in many shapes, each with its history: the state after every write, its files at earlier
 * moments, and the same life of another database, for files to take from.
 */
import assert from 'node:assert/strict'
import { Varve } from '../../../src/index.js'
import type { VarveOptions } from '../../../src/index.js'
import { MemoryVfs } from '../../../src/testing.js'
import { SMALL } from './databases.js'
import { takeImage } from './vfs-image.js'
import type { Image } from './vfs-image.js'

export const DIR = '/db'
/** The one pin that a shape may have. */
export const PIN = 'follower'

export interface Life {
  image: Image
  /** The state after each number of writes, which is also the sequence number of the last one. */
  states: Map<string, string>[]
  /** The files at earlier moments, oldest first. */
  moments: Image[]
  /**
   * The number of writes that a log which is cut or gone cannot take away: they were synced when the manifest was last
   * written.
   */
  listedCount: number
}

/** One life in progress. */
class Living {
  readonly vfs = new MemoryVfs()
  readonly states: Map<string, string>[] = [new Map()]
  readonly moments: Image[] = []
  listedCount = 0
  db!: Varve
  private readonly owner: string
  private readonly options: VarveOptions

  constructor(owner: string, options: VarveOptions) {
    this.owner = owner
    this.options = options
  }

  async open(): Promise<void> {
    this.db = await Varve.open(DIR, { ...SMALL, workers: 0, ...this.options, components: { vfs: this.vfs } })
    this.noteEdit()
  }

  /** Makes twelve writes; two of them are deletions, and some have keys that were there before. */
  async write(name: string, sync = false): Promise<void> {
    for (let i = 0; i < 12; i++) {
      const key = `${i % 4 === 0 ? 'common' : name} ${i}`
      const state = new Map(this.states.at(-1))
      if (i % 6 === 5) {
        await this.db.del(`${name} ${i - 2}`, { sync })
        state.delete(`${name} ${i - 2}`)
      } else {
        const value = `${this.owner} ${name} ${i} `.repeat(1 + i % 3)
        await this.db.put(key, value, { sync })
        state.set(key, value)
      }
      this.states.push(state)
      if (i % 4 === 1) this.noteMoment()
    }
  }

  async flush(): Promise<void> {
    await this.db.flush()
    this.noteEdit()
  }

  async close(): Promise<void> {
    await this.db.close()
    this.noteEdit()
  }

  /** Records that the manifest was written, and that every log was synced before. */
  noteEdit(): void {
    this.listedCount = this.states.length - 1
    this.noteMoment()
  }

  noteMoment(): void {
    this.moments.push(takeImage(this.vfs, DIR))
  }
}

interface Shape {
  options?: VarveOptions
  /** Lives the life. A database that is left open is killed. */
  live(life: Living): Promise<void>
}

async function pinned(life: Living): Promise<void> {
  await life.db.pins.acquire(PIN)
  for (const name of ['a', 'b']) {
    await life.write(name, true)
    await life.flush()
  }
  await life.write('c', true)
}

async function layered(life: Living): Promise<void> {
  for (const name of ['a', 'b', 'c']) {
    await life.write(name)
    await life.flush()
    if (name !== 'b') continue
    await life.db.compact()
    life.noteEdit()
  }
}

async function held(life: Living): Promise<void> {
  await life.write('a')
  for (let i = 0; life.db.stats().flush.held < 3; i++) {
    assert.ok(i < 50, 'no flush is held')
    // The writes are so long that each log takes only a few.
    const [key, value] = [`long ${i}`, `${i} `.repeat(9000)]
    await life.db.put(key, value)
    life.states.push(new Map(life.states.at(-1)).set(key, value))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await life.write('b')
}

export const SHAPES: Record<string, Shape> = {
  'logs only, killed': { live: (life) => life.write('a', true) },
  'logs only, closed without a flush': {
    options: { flushOnClose: false },
    live: async (life) => {
      await life.write('a')
      await life.close()
    },
  },
  'a table and a log, killed': {
    live: async (life) => {
      await life.write('a')
      await life.flush()
      await life.write('b', true)
    },
  },
  'two tables, closed': {
    live: async (life) => {
      await life.write('a')
      await life.flush()
      await life.write('b')
      await life.close()
    },
  },
  'a table and a log, closed without a flush': {
    options: { flushOnClose: false },
    live: async (life) => {
      await life.write('a')
      await life.flush()
      await life.write('b')
      await life.close()
    },
  },
  'kept logs, killed': { live: pinned },
  'kept logs, closed': {
    live: async (life) => {
      await pinned(life)
      await life.close()
    },
  },
  'held edits, killed': { options: { manifestSync: false, syncIntervalMs: 3_600_000 }, live: held },
  'several manifests, killed': {
    live: async (life) => {
      for (const name of ['a', 'b', 'c']) {
        await life.write(name)
        await life.close()
        await life.open()
      }
      await life.write('d', true)
    },
  },
  'several manifests, closed': {
    options: { flushOnClose: false },
    live: async (life) => {
      for (const name of ['a', 'b', 'c']) {
        await life.write(name)
        await life.close()
        if (name !== 'c') await life.open()
      }
    },
  },
  'tables in levels, killed': {
    live: async (life) => {
      await layered(life)
      await life.write('d', true)
    },
  },
  'tables in levels, closed': {
    live: async (life) => {
      await layered(life)
      await life.close()
    },
  },
}

export async function liveAs(owner: string, { options = {}, live }: Shape): Promise<Life> {
  const life = new Living(owner, options)
  await life.open()
  await live(life)
  const image = takeImage(life.vfs, DIR)
  await life.db.close()
  const { states, moments, listedCount } = life
  return { image, states, moments, listedCount }
}
