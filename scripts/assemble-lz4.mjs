// @ts-check
// Makes src/codec/lz4-module.ts of src/codec/lz4.wat: `npm run assemble`. A test fails when one was changed without the
// other.
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { root } from './source-tree.mjs'
import { assemble } from './wasm-text.mjs'

export const moduleFile = path.join(root, 'src/codec/lz4-module.ts')
const COLUMNS = 110

/** Gives what `moduleFile` must say. */
export function moduleText() {
  const bytes = assemble(readFileSync(path.join(root, 'src/codec/lz4.wat'), 'utf8'))
  const text = Buffer.from(bytes).toString('base64')
  const lines = text.match(new RegExp(`.{1,${COLUMNS}}`, 'g')) ?? []
  return `/** What: src/codec/lz4.wat as a module, ${bytes.length} bytes in base64. Made by \`npm run assemble\`; do not edit. */
export const LZ4_MODULE = [
${lines.map((line) => `  '${line}',\n`).join('')}].join('')
`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(moduleFile, moduleText())
