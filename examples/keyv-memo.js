// Answers of slow functions, kept on disk for a while: Keyv on a blob cache. Each function has a namespace of its own,
// so that its answers can be thrown away alone. node examples/keyv-memo.js [directory]
import { Keyv } from 'keyv'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { BlobCache } from 'varve/blob-cache'
import { VarveKeyvFive } from 'varve/keyv'

const directory = process.argv[2] ?? mkdtempSync(path.join(tmpdir(), 'varve-memo-'))

// Gives the function with a memory of its answers, and `forget`. Keyv 6 takes a VarveKeyv in the place of VarveKeyvFive.
function memo(cache, name, ttl, answer) {
  const kept = new Keyv({ store: new VarveKeyvFive(cache), namespace: name, ttl })
  const asked = async (question) => {
    const known = await kept.get(question)
    if (known !== undefined) return known
    const found = await answer(question)
    await kept.set(question, found)
    return found
  }
  return Object.assign(asked, { forget: () => kept.clear() })
}

let [lookups, reports] = [0, 0]
for (const run of ['first run', 'second run']) {
  const cache = await BlobCache.open(directory, { maxBytes: 64 * 1024 * 1024 })
  const capitalOf = memo(cache, 'capitals', 3_600_000, async (country) => {
    lookups++
    return { France: 'Paris', Japan: 'Tokyo' }[country] ?? null
  })
  const reportOf = memo(cache, 'reports', 20, async (day) => ({ day, number: ++reports }))

  for (const country of ['France', 'Japan', 'France', 'Atlantis']) await capitalOf(country)
  await reportOf('monday')
  await new Promise((resolve) => setTimeout(resolve, 40))
  console.log(`${run}: ${await capitalOf('Japan')}, ${lookups} lookups, report ${(await reportOf('monday')).number}`)
  if (run === 'second run') {
    await capitalOf.forget()
    console.log(`forgotten: ${await capitalOf('Japan')}, ${lookups} lookups`)
  }
  await cache.close()
}
if (process.argv[2] === undefined) rmSync(directory, { recursive: true })
