// @ts-check
// Writes the pages that are made from comments and declarations.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { API_PAGE, apiReport } from './api-report.mjs'
import { REFERENCE_PAGE, referencePage } from './reference-page.mjs'
import { root } from './source-tree.mjs'
import { STATS_PAGE, statsPage } from './stats-page.mjs'

for (const [page, text] of [[STATS_PAGE, statsPage()], [API_PAGE, apiReport()], [REFERENCE_PAGE, referencePage()]]) {
  writeFileSync(path.join(root, page), text)
  console.log(page)
}
