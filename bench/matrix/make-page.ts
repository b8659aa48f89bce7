/** What: `npm run bench:page` writes docs/benchmarks.md and its charts from the kept figures. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { rootDir } from '../store.js'
import { KEPT_FILE, readFigures } from './figures.js'
import { CHART_DIR, PAGE_FILE, pageOf } from './page.js'

const { text, charts } = pageOf(readFigures(path.resolve(process.argv[2] ?? path.join(rootDir, KEPT_FILE))))
const to = process.argv[3] ?? rootDir
rmSync(path.join(to, CHART_DIR), { recursive: true, force: true })
mkdirSync(path.join(to, CHART_DIR), { recursive: true })
writeFileSync(path.join(to, PAGE_FILE), text)
for (const [name, svg] of Object.entries(charts)) writeFileSync(path.join(to, CHART_DIR, name), svg)
console.log(`${PAGE_FILE}, ${Object.keys(charts).length} charts`)
