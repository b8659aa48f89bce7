/** Databases for tests of the API: in memory and in a temporary directory, removed again afterwards. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after } from 'node:test'
import { Varve } from '../../../src/index.js'
import type { VarveOptions } from '../../../src/index.js'
import { MemoryVfs } from '../../../src/testing.js'

export type Platform = 'memory' | 'node'
const platforms: Platform[] = ['memory', 'node']

/** The smallest buffers: a few writes fill one. */
export const SMALL: VarveOptions = { writeBufferSize: 64 * 1024, blockSize: 1024, compaction: { style: 'none' } }

const directories: string[] = []
after(() => {
  for (const dir of directories) rmSync(dir, { recursive: true, force: true })
})

/** Gives a directory that does not exist yet and is removed after the tests. */
export function newDirectory(): string {
  const parent = mkdtempSync(path.join(tmpdir(), 'varve-test-'))
  directories.push(parent)
  return path.join(parent, 'db')
}

/** The place where databases of one test live; `open` opens the same one again and again. */
export class Place {
  readonly location: string
  readonly vfs: MemoryVfs | null
  private readonly opened: Varve[] = []

  constructor(platform: Platform) {
    this.vfs = platform === 'memory' ? new MemoryVfs() : null
    this.location = platform === 'memory' ? '/db' : newDirectory()
  }

  async open(options: VarveOptions = {}): Promise<Varve> {
    const components = { ...(this.vfs === null ? {} : { vfs: this.vfs }), ...options.components }
    const db = await Varve.open(this.location, { ...SMALL, ...options, components })
    this.opened.push(db)
    return db
  }

  async close(): Promise<void> {
    for (const db of this.opened) await db.close()
  }
}

/** Runs with a fresh place on each platform; everything opened is closed again. */
export async function onEach(run: (place: Place) => Promise<void>): Promise<void> {
  for (const platform of platforms) {
    const place = new Place(platform)
    try {
      await run(place)
    } finally {
      await place.close().catch(() => undefined)
    }
  }
}

export const text = (bytes: Uint8Array | undefined): string | undefined =>
  (bytes === undefined ? undefined : Buffer.from(bytes).toString())

export const bytes = (data: string): Uint8Array => new TextEncoder().encode(data)
