/** What: a cache in use for minutes, the disk full now and then; `npm run soak -- cache` does it for hours. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { CacheSoak } from '../support/blob-cache/cache-soak.js'
import { numberFromEnv } from '../support/crash/crash-run.js'

const SECONDS = 60 * Number(process.env['VARVE_LONG'] ?? 1)

test(`BC-1, BC-3, BC-8: a cache in use for ${SECONDS} seconds, the disk full now and then`, async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'varve-soak-'))
  const seed = numberFromEnv('VARVE_SEED', 1)
  try {
    const soak = new CacheSoak({ dir, seconds: SECONDS, seed })
    await soak.run()
    t.diagnostic(JSON.stringify({ ...soak.counts, peakBytes: soak.peakBytes }))
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})
