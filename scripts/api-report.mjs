// @ts-check
// The public surface in one page, without comments and private members: a change of it is a change of this page, so
// that a reviewer sees what programs will see. Made from the declarations that are published.
import ts from 'typescript-5'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { lib } from './bundle.mjs'
import './declarations.mjs'

export const API_PAGE = 'docs/api.md'
/** @type {[string, string][]} */
const ENTRIES = [['varve', 'index.d.ts'], ['varve/level', 'level.d.ts'], ['varve/blob-cache', 'blob-cache.d.ts'],
  ['varve/keyv', 'keyv.d.ts'], ['varve/unstorage', 'unstorage.d.ts'], ['varve/undici', 'undici.d.ts'],
  ['varve/session', 'session.d.ts'], ['varve/otel', 'otel.d.ts'], ['varve/inspector', 'inspector.d.ts'],
  ['varve/testing', 'testing.d.ts']]

const HEAD = `# Public declarations

What programs can import, without comments: \`npm run docs\` writes this page anew, and a test compares it. What each name
means stands in [reference.md](reference.md), and in the hovers of an editor.
`

/** @returns {string} */
export function apiReport() {
  const printer = ts.createPrinter({ removeComments: true, newLine: ts.NewLineKind.LineFeed })
  const sections = ENTRIES.map(([entry, file]) => {
    const text = readFileSync(path.join(lib, file), 'utf8')
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
    const { transformed: [seen] } = ts.transform(source, [withoutPrivate])
    const lines = printer.printFile(/** @type {ts.SourceFile} */ (seen)).trimEnd()
    return `## \`${entry}\`\n\n\`\`\`ts\n${lines}\n\`\`\`\n`
  })
  return [HEAD, ...sections].join('\n')
}

/** @type {ts.TransformerFactory<ts.SourceFile>} */
const withoutPrivate = (context) => (file) => {
  /** @type {ts.Visitor} */
  const visit = (node) => {
    const isHidden = ts.isClassElement(node) && !ts.isConstructorDeclaration(node) &&
      (ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Private || (node.name && ts.isPrivateIdentifier(node.name)))
    return isHidden ? undefined : ts.visitEachChild(node, visit, context)
  }
  return ts.visitEachChild(file, visit, context)
}
