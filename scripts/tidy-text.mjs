// @ts-check
// Rules that need only the text of a file: its size, its lines, its words, its name.
import path from 'node:path'

/** @typedef {import('./source-tree.mjs').SourceFile} SourceFile */
/** @typedef {import('./source-tree.mjs').Problem} Problem */

const LINE_COLUMNS_MAX = 120
const FILE_LINES_MAX = 400
const TEST_FILE_LINES_MAX = 600

/** Words that are refused: left-overs anywhere, second names of a thing in src only (see docs/glossary.md). */
const anywhere = [{ word: /\b(FIXME|TODO|XXX)\b/, text: 'left-over' }]
const inSources = [
  { word: /\bSSTs?\b/, text: 'say table' },
  { word: /\bjournals?\b/i, text: 'say log' },
  { word: /\bsuper-?version/i, text: 'say read state' },
  { word: /\bWAL segment/i, text: 'say log file' },
  { word: /\bshards?\b/i, text: 'say what it is' },
]

/** @param {SourceFile} source @returns {Problem[]} */
export function checkText({ file, lines, text, isTest }) {
  /** @type {Problem[]} */
  const problems = []
  /** @param {number} line @param {string} rule @param {string} what @param {number} [count] */
  const add = (line, rule, what, count) => {
    problems.push({ file, line, rule, text: what, ...(count === undefined ? {} : { count }) })
  }

  const lineCount = text.endsWith('\n') ? lines.length - 1 : lines.length
  const linesMax = isTest ? TEST_FILE_LINES_MAX : FILE_LINES_MAX
  if (lineCount > linesMax) add(lineCount, 'file-length', `${lineCount} lines, limit ${linesMax}`, lineCount)
  if (!text.endsWith('\n')) add(lineCount, 'layout', 'no line feed at the end')

  const words = file.startsWith('src/') ? [...anywhere, ...inSources] : anywhere
  for (const [at, line] of lines.entries()) {
    const columns = [...line].length
    if (columns > LINE_COLUMNS_MAX) add(at + 1, 'line-length', `${columns} columns`, columns)
    if (/\s$/.test(line)) add(at + 1, 'layout', 'white space at the end of the line')
    if (line.includes('\t')) add(at + 1, 'layout', 'tab')
    for (const { word, text: advice } of words) {
      const found = word.exec(line)
      if (found !== null) add(at + 1, 'word', `'${found[0]}': ${advice}`)
    }
  }

  const name = path.posix.basename(file, '.ts')
  if (!/^[a-z0-9]+([.-][a-z0-9]+)*$/.test(name)) add(1, 'file-name', 'not in kebab-case')
  if (/(^|-)(utils?|helpers?|managers?|impl|types|common|misc)$/.test(name)) add(1, 'file-name', `'${name}' says nothing`)
  return problems
}
