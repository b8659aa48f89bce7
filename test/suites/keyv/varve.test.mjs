// Ours: runs Keyv's suites on `varve/keyv`, that of version 5 from its package, that of version 6 from src/.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import keyvTestSuite5, { keyvIteratorTests as iteratorTests5 } from '@keyv/test-suite'
import { Keyv as Keyv5 } from 'keyv'
import { Keyv as Keyv6 } from 'keyv-6'
import { BlobCache } from 'varve/blob-cache'
import { VarveKeyv, VarveKeyvFive } from 'varve/keyv'
import * as vitest from 'vitest'
import { keyvApiTests } from './src/api.ts'
import { keyvIteratorTests } from './src/iterator.ts'
import { keyvNamespaceTests } from './src/namespace.ts'
import { storageBasicTests } from './src/storage-basic.ts'
import { storageBatchTests } from './src/storage-batch.ts'
import { storageDisconnectTests } from './src/storage-disconnect.ts'
import { storageIteratorTests } from './src/storage-iterator.ts'
import { storageNamespaceTests } from './src/storage-namespace.ts'
import { storageTtlTests } from './src/storage-ttl.ts'
import { keyvValueTests } from './src/values.ts'

const dir = mkdtempSync(path.join(tmpdir(), 'varve-keyv-'))
const cache = await BlobCache.open(dir, { maxBytes: 64 * 1024 * 1024 })
const store = () => new VarveKeyv(cache)

vitest.afterAll(async () => {
  await cache.close()
  rmSync(dir, { recursive: true })
})

vitest.describe('keyv 5', () => {
  const store5 = () => new VarveKeyvFive(cache)
  keyvTestSuite5(vitest, Keyv5, store5)
  iteratorTests5(vitest, Keyv5, store5)
})

vitest.describe('keyv 6', () => {
  for (const suite of [keyvApiTests, keyvValueTests, keyvNamespaceTests, keyvIteratorTests]) suite(vitest.it, Keyv6, store)
})

vitest.describe('a store of keyv 6', () => {
  const suites = [
    storageBasicTests, storageBatchTests, storageIteratorTests, storageTtlTests, storageNamespaceTests,
    storageDisconnectTests,
  ]
  for (const suite of suites) suite(vitest.it, store)
})
