// Ours: runs undici's tests of cache stores on `varve/undici`. They make stores without an argument, at once; so caches
// are opened before.
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after } from 'node:test'
import { BlobCache } from 'varve/blob-cache'
import { VarveCacheStore } from 'varve/undici'

const { cacheStoreTests } = createRequire(import.meta.url)('./test/cache-store-test-utils.js')
const dir = mkdtempSync(path.join(tmpdir(), 'varve-undici-'))
const open = (name) => BlobCache.open(path.join(dir, name), { maxBytes: 32 * 1024 * 1024 })
const caches = await Promise.all([...'abcdefghijkl'].map(open))
const unused = [...caches]

cacheStoreTests(class VarveStore extends VarveCacheStore {
  constructor(options) {
    super(unused.pop(), options)
  }
})

after(async () => {
  for (const cache of caches) await cache.close()
  rmSync(dir, { recursive: true })
})
