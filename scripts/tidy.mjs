// @ts-check
// The style that a machine can hold: sizes, names, banned words, layout, unused code, invariant ids.
// Exceptions stand in tidy-exceptions.json with the count they have now. They can only shrink: an
// exception that is no longer needed, or larger than needed, is a problem too.
import { readFileSync, existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { GENERATED, listFiles, readSourceTree, report, root } from './source-tree.mjs'
import { checkText } from './tidy-text.mjs'
import { checkSyntax } from './tidy-syntax.mjs'
import { checkUnused } from './tidy-unused.mjs'
import { checkInvariants } from './tidy-invariants.mjs'
import { checkMentions } from './tidy-mentions.mjs'
import { checkComments } from './tidy-comments.mjs'

/** @typedef {import('./source-tree.mjs').SourceTree} SourceTree */
/** @typedef {import('./source-tree.mjs').Problem} Problem */
/**
 * One permitted breach; `count` where the rule counts something (lines, parameters).
 * @typedef {{ rule: string, file: string, name?: string, count?: number, why: string }} Exception
 */

/**
 * @param {SourceTree} tree
 * @param {Exception[]} exceptions
 * @param {string | undefined} invariantsPage  text of docs/invariants.md
 * @param {{ pages: Record<string, string>, others: string[] }} mentions  as for checkMentions
 * @param {Record<string, string>} cases  as for checkInvariants
 * @returns {Problem[]}
 */
export function checkTidy(tree, exceptions, invariantsPage, mentions = { pages: {}, others: [] }, cases = {}) {
  const problems = [...tree.values()].flatMap((source) => [...checkText(source), ...checkSyntax(source)])
  problems.push(...checkUnused(tree, entryFiles()), ...checkInvariants(tree, invariantsPage, cases))
  problems.push(...checkMentions(tree, mentions.pages, mentions.others))
  problems.push(...checkComments(Object.fromEntries([...tree].map(([file, { text }]) => [file, text]))))
  return applyExceptions(problems, exceptions)
}

/**
 * @param {Problem[]} problems
 * @param {Exception[]} exceptions
 */
export function applyExceptions(problems, exceptions) {
  /** @type {Map<Exception, Problem[]>} */
  const used = new Map(exceptions.map((exception) => [exception, []]))
  const left = problems.filter((problem) => {
    const exception = exceptions.find((e) => e.rule === problem.rule && e.file === problem.file &&
      (e.name === undefined || problem.text.startsWith(`${e.name} `)) && (problem.count ?? 0) <= (e.count ?? Infinity))
    if (exception !== undefined) used.get(exception)?.push(problem)
    return exception === undefined
  })
  for (const [{ rule, file, name, count }, hits] of used) {
    const what = `exception for ${rule}${name === undefined ? '' : ` (${name})`}`
    const largest = Math.max(...hits.map((hit) => hit.count ?? 0))
    if (hits.length === 0) {
      left.push({ file, line: 1, rule: 'exceptions', text: `${what} is not needed any more: delete it` })
    } else if (count !== undefined && count > largest) {
      left.push({ file, line: 1, rule: 'exceptions', text: `${what} can shrink from ${count} to ${largest}` })
    }
  }
  return left
}

/** Gives the sources that something outside the tree starts: those named in package.json or in a script. */
function entryFiles() {
  const names = ['build', 'bundle', 'test', 'bench', 'test-runtimes', 'test-package']
  const scripts = names.map((name) => path.join(root, `scripts/${name}.mjs`))
  const text = [path.join(root, 'package.json'), ...scripts]
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n')
  const named = text.matchAll(/\b(?:dist\/)?((?:src|bench|test)\/[\w./-]+?)(?:\.d)?\.(?:js|ts)\b/g)
  return new Set([...named].map((match) => `${match[1]}.ts`))
}

/** Gives the pages that may name files, and the files besides the sources that may be named. */
function mentioned() {
  const docs = listFiles('docs', (name) => name.endsWith('.md'))
  const names = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', ...docs]
  const pages = textsOf(names)
  const others = [...listFiles('scripts', (name) => name.endsWith('.mjs')), ...listFiles('examples', () => true)]
  return { pages, others: [...others, ...GENERATED] }
}

/** @param {readonly string[]} files @returns {Record<string, string>} by path */
function textsOf(files) {
  return Object.fromEntries(files.map((file) => [file, readFileSync(path.join(root, file), 'utf8')]))
}

/** @returns {{ problems: Problem[], exceptions: Exception[] }} */
export function runTidy(tree = readSourceTree()) {
  const page = path.join(root, 'docs/invariants.md')
  const exceptions = JSON.parse(readFileSync(path.join(root, 'scripts/tidy-exceptions.json'), 'utf8'))
  const text = existsSync(page) ? readFileSync(page, 'utf8') : undefined
  const cases = textsOf(listFiles('test/data', (name) => name.endsWith('.txt')))
  const scripts = textsOf([...listFiles('scripts', (name) => name.endsWith('.mjs')), ...listFiles('examples', () => true)])
  const problems = [...checkTidy(tree, exceptions, text, mentioned(), cases), ...checkComments(scripts)]
  return { problems, exceptions }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { problems, exceptions } = runTidy()
  for (const e of exceptions) console.log(`exception: ${e.file} ${e.rule}${e.name ? ` ${e.name}` : ''}: ${e.why}`)
  report('tidy', problems)
}
