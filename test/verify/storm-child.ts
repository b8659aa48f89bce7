/** Writes into the database of the first argument until its standard input ends, and opens it anew now and then. */
import { SeededRandom } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import { Storm, stormOptions } from '../support/databases/storm.js'

const [dir, seed] = [process.argv[2]!, Number(process.argv[3])]
let isEnded = false
process.stdin.resume().on('end', () => (isEnded = true))
const random = new SeededRandom(seed, 'storm child')
const storm = new Storm(random)
while (!isEnded) {
  const db = await Varve.open(dir, stormOptions(random))
  process.stdout.write('open\n')
  for (let i = 0; i < 400 && !isEnded; i++) {
    await storm.step(db)
    if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await db.close()
}
