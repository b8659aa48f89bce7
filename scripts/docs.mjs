// @ts-check
// Writes the pages that are made from comments.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { root } from './source-tree.mjs'
import { STATS_PAGE, statsPage } from './stats-page.mjs'

writeFileSync(path.join(root, STATS_PAGE), statsPage())
console.log(STATS_PAGE)
