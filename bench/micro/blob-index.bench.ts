/** The index of the blob cache: growth, bytes an item, hits and misses (docs/design/0034-blob-eviction.md). */
import { SeededRandom } from '../../src/base/index.js'
import { BlobIndex } from '../../src/blob-cache/blob-index.js'
import { micro } from './harness.js'

const COUNT = Number(process.argv[2] ?? 1_000_000)
const BATCH = 64
const LOOKUPS = Math.min(COUNT, 1_000_000)
const random = new SeededRandom(1)
const index = new BlobIndex()
const sample = new Uint32Array(2 * LOOKUPS)
let [longestUs, bytesMost] = [0, 0]
const startMs = performance.now()
for (let i = 0; i < COUNT; i += BATCH) {
  // Processor time does not count what others do on the machine meanwhile.
  const before = process.cpuUsage()
  for (let j = i; j < i + BATCH; j++) {
    const [low, high] = [random.u32(), random.u32()]
    if (j < LOOKUPS) sample.set([low, high], 2 * j)
    index.set(low, high, 1, 0, 1000, j, 0)
  }
  const { user, system } = process.cpuUsage(before)
  longestUs = Math.max(longestUs, user + system)
  if (i % (1024 * BATCH) === 512 * BATCH) bytesMost = Math.max(bytesMost, index.bytes / (i + BATCH))
}
const insertNs = ((performance.now() - startMs) * 1e6) / COUNT
console.log([
  `\n${COUNT} items in ${index.pageCount} pages`,
  `${(index.bytes / COUNT).toFixed(1)} bytes an item, at most ${bytesMost.toFixed(1)}`,
  `${insertNs.toFixed(0)} ns to insert one; ${(index.copiedSlots / COUNT).toFixed(1)} slots copied an item`,
  `of ${BATCH} in a row the longest took ${(longestUs / 1000).toFixed(1)} ms of processor time`,
].join('\n'))

let sum = 0
await micro('index', [
  {
    name: 'hit', count: LOOKUPS, run: () => {
      for (let i = 0; i < 2 * LOOKUPS; i += 2) sum += index.segmentAt(index.find(sample[i]!, sample[i + 1]!))
    },
  },
  {
    name: 'miss', count: LOOKUPS, run: () => {
      for (let i = 0; i < 2 * LOOKUPS; i += 2) sum += index.find(sample[i]! ^ 1, sample[i + 1]!)
    },
  },
  {
    name: 'miss elsewhere', count: LOOKUPS, run: () => {
      for (let i = 0; i < 2 * LOOKUPS; i += 2) sum += index.find(sample[i]!, sample[i + 1]! ^ 0x5bd1e995)
    },
  },
])
if (sum === 0.5) console.log(sum)
