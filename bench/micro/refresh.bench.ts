/**
 * A refresh of a database that is open for reading: with nothing new, with 4 MiB of new log, and with a new table
 * beside a thousand. The writer is in the same process, and rests meanwhile.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Varve } from '../../src/index.js'
import { NodeVfs } from '../../src/vfs/index.js'
import { makeTables } from '../../test/support/databases/many-tables.js'

const TAIL_BYTES = 4 * 2 ** 20
const ROUNDS = Number(process.argv[2] ?? 20)
const lab = mkdtempSync(path.join(tmpdir(), 'varve-refresh-'))

function median(values: number[]): string {
  return values.sort((a, b) => a - b)[values.length >> 1]!.toFixed(3)
}

async function times(view: Varve, rounds: number, before: (round: number) => void | Promise<void>): Promise<string> {
  const wall: number[] = []
  for (let round = 0; round < rounds; round++) {
    await before(round)
    await new Promise((resolve) => setTimeout(resolve, 5))
    const startMs = performance.now()
    await view.refresh()
    wall.push(performance.now() - startMs)
  }
  return `${median(wall)} ms, at best ${Math.min(...wall).toFixed(3)}`
}

async function measure(name: string, tableCount: number): Promise<void> {
  const dir = path.join(lab, name)
  if (tableCount > 0) makeTables(new NodeVfs(), dir, { count: tableCount })
  const writer = await Varve.open(dir, { compaction: { style: 'none' } })
  const view = await Varve.open(dir, { readOnly: true })
  await view.refresh()
  console.log(`${name}: refresh idle            ${await times(view, ROUNDS * 20, () => undefined)}`)
  for (const bytes of [100, 1000]) {
    const count = Math.floor(TAIL_BYTES / bytes)
    const value = new Uint8Array(bytes - 40)
    const write = (round: number): void => {
      for (let i = 0; i < count; i++) writer.putSync(`${round} ${i}`, value)
    }
    console.log(`${name}: refresh 4-MiB tail of ${bytes} ${await times(view, ROUNDS, write)}`)
  }
  const flush = async (round: number): Promise<void> => {
    writer.putSync(`${round}`, 'x')
    await writer.flush()
  }
  console.log(`${name}: refresh after a flush   ${await times(view, ROUNDS, flush)}`)
  await view.close()
  await writer.close()
}

await measure('no tables', 0)
await measure('1,000 tables', 1000)
rmSync(lab, { recursive: true })
