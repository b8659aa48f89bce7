/**
 * What: runs the micro benches, each in a process of its own: `npm run bench:micro` all of them,
 * `npm run bench:micro -- table 100000` those with "table" in their name, with the other arguments.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const [wanted = '', ...rest] = process.argv.slice(2)
const dir = path.dirname(fileURLToPath(import.meta.url))
const files = readdirSync(dir).filter((name) => name.endsWith('.bench.js') && name.includes(wanted))
if (files.length === 0) {
  console.error(`no micro bench with '${wanted}' in its name`)
  process.exitCode = 1
}
for (const file of files) {
  console.log(`── ${file.replace('.bench.js', '')}`)
  const { status } = spawnSync(process.execPath, [path.join(dir, file), ...rest], { stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}
