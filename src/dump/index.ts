/** Rank 1: printing for people and golden files. */
export * from './annotate.js'
export * from './byte-source.js'
export * from './describe-log.js'
export * from './file-sections.js'
export * from './hex-dump.js'
export * from './tree-printer.js'
