// The same program on Node, Bun and Deno:
//   node examples/everywhere.js
//   bun examples/everywhere.js
//   deno run -A examples/everywhere.js
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Varve } from 'varve'
import { VarveLevel } from 'varve/level'

const runtime = globalThis.Bun ? `Bun ${Bun.version}` : globalThis.Deno ? `Deno ${Deno.version.deno}`
  : `Node ${process.version}`
const location = mkdtempSync(path.join(tmpdir(), 'varve-everywhere-'))

// Through abstract-level, as a Level program writes it.
const level = new VarveLevel(location, { valueEncoding: 'json', writeBufferSize: 64 * 1024 })
for (let n = 0; n < 5000; n++) level.put(String(n).padStart(6, '0'), { n, text: 'some text '.repeat(10) })
await level.put('last', { n: -1 }, { sync: true })
const page = await level.iterator({ gte: '004990', limit: 3 }).all()
await level.close()

// The same files through Varve's own API.
const db = await Varve.open(location)
let count = 0
for (const [key, value] of db.entriesSync()) if (key.length > 0 && value.length > 0) count++
const { flush, jobs } = db.stats()
await db.close()
rmSync(location, { recursive: true })

console.log(`${runtime}: ${count} entries, page of ${page.map(([key]) => key).join(' ')}`)
if (count !== 5001 || flush.failed > 0) throw new Error('the files are not what was written')
console.log(`worker threads: ${jobs.workerCount}`)
