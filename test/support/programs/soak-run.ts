/** `npm run soak -- cache [--minutes N] [--dir DIR] [--seed N]`: uses something for long, and looks for mistakes. */
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { CacheSoak } from '../blob-cache/cache-soak.js'

const { values, positionals: [what] } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '60' },
    dir: { type: 'string', default: path.join(tmpdir(), `varve-soak-${process.pid}`) },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
})
const [minutes, seed] = [Number(values.minutes), Number(values.seed)]
if (what !== 'cache' || !(minutes > 0)) {
  console.error('npm run soak -- cache [--minutes N] [--dir DIR] [--seed N]')
  process.exit(2)
}
console.log(`${minutes} minutes in ${values.dir}, seed ${seed}`)
const soak = new CacheSoak({ dir: values.dir, seconds: minutes * 60, seed, report: (line) => console.log(line) })
await soak.run()
console.log(JSON.stringify({ ...soak.counts, peakBytes: soak.peakBytes }))
