// Ours: runs unstorage's tests of drivers on `varve/unstorage`.
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { varveDriver } from 'varve/unstorage'
import { describe } from 'vitest'
import { testDriver } from './utils.ts'

describe('drivers: varve', () => {
  const location = mkdtempSync(path.join(tmpdir(), 'varve-unstorage-'))
  testDriver({ driver: varveDriver({ location, maxBytes: 64 * 1024 * 1024 }) })
})
