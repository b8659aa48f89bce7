/** What: `npm run simulate`: of compaction, or with `cache` first, of the blob cache. */
if (process.argv[2] === 'cache') await import('./simulate-cache.js')
else await import('./simulate-compaction.js')
