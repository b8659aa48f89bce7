/** A process that fills a database until it is stopped; says `open`, then how many puts are acknowledged. */
import { Varve } from '../../src/index.js'

const db = await Varve.open(process.argv[2]!, { writeBufferSize: 64 * 1024, syncIntervalMs: 20 })
process.send!('open')
process.on('disconnect', () => process.exit())
for (let count = 0; ;) {
  for (let i = 0; i < 50; i++) db.putSync(`key ${String(count++).padStart(8, '0')}`, 'x'.repeat(100))
  process.send!(count)
  await new Promise((resolve) => setTimeout(resolve, 2))
}
