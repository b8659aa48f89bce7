/** A process that puts blobs into a cache until it is stopped; says how many are acknowledged. */
import { BlobCache } from '../../src/blob-cache.js'

const cache = await BlobCache.open(process.argv[2]!, { maxBytes: 32 * 2 ** 20 })
process.on('disconnect', () => process.exit())
for (let count = 0; ;) {
  const puts = Array.from({ length: 8 }, () => {
    count++
    return cache.put(`key ${count % 1000}`, Buffer.alloc(20_000 + (count % 7) * 5000, `${count} `))
  })
  await Promise.all(puts)
  if (count % 3 === 0) await cache.delete(`key ${count % 1000}`)
  await cache.get(`key ${count % 50}`)
  process.send!(count)
}
