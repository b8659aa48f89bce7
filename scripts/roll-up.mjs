// @ts-check
// Writes all that the types of an entry point name into one text of declarations, from what tsc wrote into dist/. What
// an entry point exports is imported by those after it, so that a class is one class everywhere. Members that are
// marked @internal are left out, and so are those that begin with `_`, abstract-level's way to say the same.
import ts from 'typescript-5'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { lib } from './bundle.mjs'

/** The first line, without which Symbol.dispose would be unknown to users whose `lib` is older. */
const head = '/// <reference lib="esnext.disposable" />\n'
/** Comments that stand at the head of a source file and tell of the file, not of its first declaration. */
const headComment = /^\/\*\*[\s*]*(What|Rank \d+):/

/** One symbol in a file of declarations. @typedef {{ symbol: ts.Symbol, name: string, isPublic: boolean }} Item */

/** The declarations of one entry point. */
class RollUp {
  /** Everything of ours that is written into this file, in this order. @type {Map<ts.Symbol, Item>} */
  items = new Map()
  /** @type {Set<string>} */
  names = new Set()
  /** Imported names, by module. @type {Map<string, Set<string>>} */
  imports = new Map()

  /**
   * @param {ts.Program} program
   * @param {string} file
   * @param {ReadonlySet<string>} values  what the entry point exports when it runs
   * @param {readonly RollUp[]} earlier  those of the entry points before it
   */
  constructor(program, file, values, earlier) {
    this.entry = path.basename(file, '.d.ts')
    this.checker = program.getTypeChecker()
    this.values = values
    this.earlier = earlier
    this.dir = path.dirname(file)
    const source = program.getSourceFile(file)
    const module = source && this.checker.getSymbolAtLocation(source)
    if (module === undefined) throw new Error(`${file} is missing: npm run build makes it`)
    for (const symbol of this.checker.getExportsOfModule(module)) this.add(this.original(symbol), symbol.name, true)
    // Symbols that are added meanwhile come last, and are followed too.
    for (const { symbol } of this.items.values()) for (const statement of this.statementsOf(symbol)) this.follow(statement)
  }

  /** @param {ts.Symbol} symbol @param {string} wanted @param {boolean} isPublic */
  add(symbol, wanted, isPublic) {
    if (this.items.has(symbol)) return
    let name = wanted
    for (let n = 2; this.names.has(name); n++) name = `${wanted}_${n}`
    this.names.add(name)
    this.items.set(symbol, { symbol, name, isPublic })
  }

  /** Gives a symbol's declarations, when they are ours and stand at the top of a file. @param {ts.Symbol} symbol @returns {ts.Statement[]} */
  statementsOf(symbol) {
    return (symbol.declarations ?? []).flatMap((declaration) => {
      const statement = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration
      const { parent } = statement
      const isOurs = parent !== undefined && ts.isSourceFile(parent) && path.resolve(parent.fileName).startsWith(this.dir)
      return isOurs && ts.isStatement(statement) ? [statement] : []
    })
  }

  /** Gives the symbol that an import or a re-export stands for. @param {ts.Symbol} symbol */
  original(symbol) {
    return symbol.flags & ts.SymbolFlags.Alias ? this.checker.getAliasedSymbol(symbol) : symbol
  }

  /** Adds everything that a statement names. @param {ts.Node} node */
  follow(node) {
    if (isHidden(node)) return
    if (ts.isImportTypeNode(node)) throw new Error(`${node.getSourceFile().fileName}: write the type of ${node.getText()}`)
    if (ts.isIdentifier(node)) this.use(node)
    ts.forEachChild(node, (child) => this.follow(child))
  }

  /** @param {ts.Identifier} node */
  use(node) {
    const near = this.checker.getSymbolAtLocation(node)
    if (near === undefined) return
    const symbol = this.original(near)
    if (this.statementsOf(symbol).length > 0) {
      const owner = this.earlier.find(({ items }) => items.get(symbol)?.isPublic)
      if (owner !== undefined) this.importName(`./${owner.entry}.js`, owner.items.get(symbol)?.name ?? '')
      else this.add(symbol, symbol.name, false)
    } else if (near.flags & ts.SymbolFlags.Alias) {
      const from = near.declarations?.find(ts.isImportSpecifier)?.parent.parent.parent.moduleSpecifier
      if (from === undefined || !ts.isStringLiteral(from)) throw new Error(`${node.text} must be imported by name`)
      this.importName(from.text, node.text)
    }
  }

  /** @param {string} from @param {string} name */
  importName(from, name) {
    this.names.add(name)
    this.imports.set(from, (this.imports.get(from) ?? new Set()).add(name))
  }

  /** @returns {string} */
  text() {
    const items = [...this.items.values()]
    const missing = [...this.values].filter((value) => !items.some(({ name, isPublic }) => isPublic && name === value))
    if (missing.length > 0) throw new Error(`exported and not declared: ${missing.join(', ')}`)
    const typesOnly = items.filter((item) => item.isPublic && !this.isExportedInPlace(item)).map(({ name }) => name)
    return [
      head,
      ...[...this.imports].map(([from, names]) => `import { ${[...names].sort().join(', ')} } from '${from}'\n`),
      ...items.flatMap((item) => this.statementsOf(item.symbol).map((statement) => this.print(item, statement))),
      `export ${typesOnly.length === 0 ? '{}' : `type { ${typesOnly.join(', ')} }`}\n`,
    ].join('\n')
  }

  /** False for a class of which only the type is exported: it cannot be exported in place. @param {Item} item */
  isExportedInPlace({ symbol, name, isPublic }) {
    return isPublic && ((symbol.flags & ts.SymbolFlags.Value) === 0 || this.values.has(name))
  }

  /** @param {Item} item @param {ts.Statement} statement */
  print(item, statement) {
    const source = statement.getSourceFile()
    const start = statement.getStart(source)
    let text = source.text.slice(start, statement.end)
    for (const { at, end, by } of this.changes(statement, source).reverse()) {
      text = text.slice(0, at - start) + by + text.slice(end - start)
    }
    const isType = ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)
    const words = `${this.isExportedInPlace(item) ? 'export ' : ''}${isType ? '' : 'declare '}`
    return `${commentOf(statement, source)}${words}${text.replace(/^(export )?(declare )?/, '')}\n`
  }

  /**
   * Gives the changes of a statement when it is printed: names, and members that are not for users.
   * @param {ts.Statement} statement
   * @param {ts.SourceFile} source
   */
  changes(statement, source) {
    /** @type {{ at: number, end: number, by: string }[]} */
    const found = []
    /** @param {ts.Node} node */
    const visit = (node) => {
      if (isHidden(node)) {
        // If no constructor were declared, users could call one.
        const isOnly = ts.isConstructorDeclaration(node) && node.parent.members.filter(ts.isConstructorDeclaration).length === 1
        const word = ts.getCombinedModifierFlags(/** @type {ts.ConstructorDeclaration} */ (node)) & ts.ModifierFlags.Protected ? 'protected' : 'private'
        found.push({ at: node.pos, end: node.end, by: isOnly ? `\n    ${word} constructor();` : '' })
        return
      }
      // `typeof this` names no class.
      if (ts.isIdentifier(node) && node.text !== 'this') {
        const near = this.checker.getSymbolAtLocation(node)
        const by = near && this.nameOf(this.original(near))
        if (by !== undefined && by !== node.text) found.push({ at: node.getStart(source), end: node.end, by })
      }
      ts.forEachChild(node, visit)
    }
    visit(statement)
    return found
  }

  /** @param {ts.Symbol} symbol */
  nameOf(symbol) {
    const owner = [this, ...this.earlier].find(({ items }) => items.has(symbol))
    return owner?.items.get(symbol)?.name
  }
}

/** True for a member that only the package's own parts, or the class that it extends, may use. @param {ts.Node} node */
function isHidden(node) {
  if (!ts.isClassElement(node)) return false
  const isForBase = node.name !== undefined && ts.isIdentifier(node.name) && node.name.text.startsWith('_')
  return isForBase || ts.getJSDocTags(node).some((tag) => tag.tagName.text === 'internal')
}

/** @param {ts.Statement} statement @param {ts.SourceFile} source */
function commentOf(statement, source) {
  const range = ts.getLeadingCommentRanges(source.text, statement.pos)?.at(-1)
  const text = range === undefined ? '' : source.text.slice(range.pos, range.end)
  return text.startsWith('/**') && !headComment.test(text) ? `${text}\n` : ''
}

/**
 * @param {string} dir  where the entry points' .d.ts are, and everything that they import of ours
 * @param {string[]} entries  the main one first
 * @returns {Promise<{ entry: string, text: string }[]>}
 */
export async function rollUp(dir, entries) {
  const files = entries.map((entry) => path.join(dir, `${entry}.d.ts`))
  const program = ts.createProgram(files, {
    module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext, target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'], types: ['node'], strict: true,
  })
  /** @type {RollUp[]} */
  const rolls = []
  const results = []
  for (const [i, entry] of entries.entries()) {
    const values = Object.keys(await import(pathToFileURL(path.join(lib, `${entry}.js`)).href))
    const roll = new RollUp(program, files[i] ?? '', new Set(values), [...rolls])
    rolls.push(roll)
    results.push({ entry, text: roll.text() })
  }
  return results
}
