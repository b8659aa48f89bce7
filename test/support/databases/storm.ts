/** What: random writes of every kind, as many as are asked for, under random settings. */
import { SeededRandom } from '../../../src/base/index.js'
import type { Varve, VarveOptions } from '../../../src/index.js'

const STYLES = ['leveled', 'tiered', 'lazy', 'simple', 'none'] as const

/** Settings by which little data makes many files. */
export function stormOptions(random: SeededRandom): VarveOptions {
  return {
    writeBufferSize: 64 * 1024, blockSize: 1024, blockCacheSize: 256 * 1024, memoryBudget: 4 * 1024 * 1024,
    valueThreshold: random.pick([0, 512, 2000]), compaction: { style: random.pick(STYLES) },
    compression: random.pick(['none', 'lz4'] as const), manifestSync: random.chance(0.7),
    flushOnClose: random.chance(0.5), valueFileBytes: 1024 * 1024,
    ...(random.chance(0.5) ? { prefixFilter: { bytes: 2 } } : {}),
  }
}

export class Storm {
  private readonly random: SeededRandom
  private pins = 0

  constructor(random: SeededRandom) {
    this.random = random
  }

  private key(): string {
    const { random } = this
    return `${random.pick(['a:', 'b:', 'c:'])}${random.below(400)}`
  }

  private value(): Uint8Array {
    const { random } = this
    const bytes = new Uint8Array(random.pick([0, 10, 100, 100, 600, 600, 3000, 9000]))
    random.fill(bytes)
    return bytes
  }

  /** Makes one random call. */
  async step(db: Varve): Promise<void> {
    const { random } = this
    const draw = random.below(1000)
    if (draw < 700) await db.put(this.key(), this.value(), random.chance(0.2) ? { ttl: random.pick([1, 1e9]) } : {})
    else if (draw < 850) await db.del(this.key())
    else if (draw < 900) {
      const put = () => ({ type: 'put', key: this.key(), value: this.value() }) as const
      const operations = Array.from({ length: 20 }, put)
      await db.batch(operations, { sync: random.chance(0.3) })
    } else if (draw < 930) await db.delRange({ gte: `a:${random.below(300)}`, lt: `a:${300 + random.below(100)}` })
    else if (draw < 950) await db.putStream(this.key(), [new Uint8Array(70_000).fill(draw), this.value()])
    else if (draw < 960) await this.pin(db)
    else if (draw < 980) await db.flush()
    else if (draw < 985) await db.compact()
    else if (draw < 990) await db.collectGarbage()
    else await db.sync()
  }

  private async pin(db: Varve): Promise<void> {
    if (this.random.chance(0.5)) await db.pins.acquire(`pin ${this.pins++}`)
    else for (const { name } of db.pins.list()) await db.pins.release(name)
  }
}
