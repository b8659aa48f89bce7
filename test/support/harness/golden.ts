/** Compares a text with a file in test/golden; UPDATE=1 writes the file instead. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** The package's own directory: compiled tests run from `dist/test`. */
export const packageDir = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../..')

export function assertGolden(name: string, actual: string): void {
  const file = path.join(packageDir, 'test/golden', name)
  if (process.env['UPDATE'] === '1') {
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, actual)
  }
  const expected = readFileSync(file, 'utf8')
  assert.equal(actual, expected, `differs from test/golden/${name}; UPDATE=1 rewrites it`)
}
