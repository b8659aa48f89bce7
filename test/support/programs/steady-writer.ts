/**
 * A program that writes keys in their order until nobody listens any more: `node steady-writer.js DIR fast|strict`. It
 * prints how many writes were acknowledged, now and then.
 */
import { Varve } from '../../../src/index.js'

const [dir, mode] = process.argv.slice(2) as [string, string]

const db = await Varve.open(dir, {
  writeBufferSize: 64 * 1024, blockSize: 1024, valueThreshold: 1024, manifestSync: mode === 'strict',
})
let isOver = false
process.stdin.on('end', () => (isOver = true)).resume()
for (let i = 0; !isOver; i++) {
  await db.put(`key ${String(i).padStart(7, '0')}`, `${i} `.padEnd(i % 9 === 0 ? 3000 : 100, 'v'))
  if (i % 50 === 0) process.stdout.write(`${i + 1}\n`)
  if (i % 20 === 0) await new Promise(setImmediate)
}
await db.close()
