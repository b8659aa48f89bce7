// A build cache: the output of a step is kept under a hash of the step and all its inputs, so that a step whose inputs
// did not change is not run again. node examples/build-cache.js [directory]
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { deflateRawSync } from 'node:zlib'
import { BlobCache } from 'varve/blob-cache'

const directory = process.argv[2] ?? mkdtempSync(path.join(tmpdir(), 'varve-build-'))
// What is old and not used goes by itself when the directory would be larger than this.
const cache = await BlobCache.open(directory, { maxBytes: 256 * 1024 * 1024 })

let runs = 0

// Gives the output of a step. Outputs of one step can be purged together.
async function build(step, version, inputs, run) {
  const hash = createHash('sha256').update(`${step} ${version}`)
  for (const [name, content] of Object.entries(inputs)) hash.update(`\0${name}\0${content.length}\0`).update(content)
  const key = hash.digest()
  const kept = await cache.get(key)
  if (kept !== undefined) return kept
  runs++
  const output = run(inputs)
  // An output that is not stored is only made again; 'memory' does not wait for the disk.
  await cache.put(key, output, { namespace: step, durability: 'memory' })
  return output
}

const pack = (inputs) => deflateRawSync(Object.values(inputs).join('\n'))
const sources = { 'a.js': 'export const a = 1\n'.repeat(1000), 'b.js': 'export const b = 2\n'.repeat(1000) }

async function buildAll(title, version = 1) {
  runs = 0
  const outputs = await Promise.all(Object.keys(sources).map((name) => {
    return build('pack', version, { [name]: sources[name] }, pack)
  }))
  console.log(`${title}: ${runs} steps run, ${outputs.length} outputs`)
}

await buildAll('first build')
await buildAll('again')
sources['b.js'] += '// changed\n'
await buildAll('one file changed')
await buildAll('another version of the tool', 2)
await cache.purge({ namespace: 'pack' })
await buildAll('after a purge')

await cache.close()
if (process.argv[2] === undefined) rmSync(directory, { recursive: true })
