// @ts-check
// A file that a comment or a page names is there, and so is a function that a page places in a file: what was renamed or
// cut is found in what is said of it, too. A page places functions as rows of a table: | `file.ts` | `first` → `second` |
import path from 'node:path'

/** @typedef {import('./source-tree.mjs').SourceTree} SourceTree */
/** @typedef {import('./source-tree.mjs').Problem} Problem */

/**
 * @param {SourceTree} tree
 * @param {Record<string, string>} pages  texts by path
 * @param {readonly string[]} others  files besides the tree that may be named: scripts, examples, what is generated
 * @returns {Problem[]}
 */
export function checkMentions(tree, pages, others) {
  const files = [...tree.keys(), ...others]
  const known = new Set(files.flatMap((file) => endingsOf(file)))
  /** @type {Problem[]} */
  const problems = []
  /** @param {string} file @param {number} line @param {string} text */
  const look = (file, line, text) => {
    for (const [name] of text.matchAll(/(?<![\w*{}.…/-])[\w-]+(?:[./-][\w-]+)*\.(?:ts|mjs)\b(?![\w-])/g)) {
      if (known.has(name.replace(/^\.\//, '')) || name.endsWith('.d.ts')) continue
      problems.push({ file, line, rule: 'mention', text: `there is no file ${name}` })
    }
  }
  for (const { file, lines } of tree.values()) {
    for (const [at, line] of lines.entries()) {
      const comment = /^\s*(?:\/?\*+|\/\/)(.*)$/.exec(line) ?? /\s\/\/ (.*)$/.exec(line)
      if (comment !== null) look(file, at + 1, comment[1] ?? '')
    }
  }
  for (const [file, text] of Object.entries(pages)) {
    for (const [at, line] of text.split('\n').entries()) {
      for (const [, quoted] of line.matchAll(/`([^`]+)`/g)) look(file, at + 1, quoted ?? '')
      problems.push(...misplaced(tree, line).map((text) => ({ file, line: at + 1, rule: 'mention', text })))
    }
  }
  return problems
}

/**
 * Gives what is wrong with a row that names a file and functions in it.
 * @param {SourceTree} tree @param {string} line @returns {string[]}
 */
function misplaced(tree, line) {
  const row = /^\| `([\w./-]+\.ts)` \| (.*) \|$/.exec(line)
  if (row === null) return []
  const source = [...tree.values()].find(({ file }) => endingsOf(file).includes(row[1] ?? ''))
  if (source === undefined) return []
  return [...(row[2] ?? '').matchAll(/`([A-Za-z]\w*)`/g)]
    .map(([, name]) => name ?? '')
    .filter((name) => !new RegExp(`\\b${name}\\b`).test(source.text))
    .map((name) => `${source.file} has no ${name}`)
}

/** Gives all ends of a path, since any of them may name the file: `log.ts`, `wal/log.ts`. @param {string} file @returns {string[]} */
function endingsOf(file) {
  const parts = file.split(path.posix.sep)
  return parts.map((_, at) => parts.slice(at).join('/'))
}
