// @ts-check
// Finds what a mutation run takes away: each sync, each check of bytes or numbers read back, each
// condition of a deletion, each rule of values that expire. A mutant is the source text with one of them gone.
import ts from 'typescript-5'
import { expirySites } from './mutation-expiry.mjs'
import { lineOf } from './source-tree.mjs'

/** @typedef {import('./source-tree.mjs').SourceFile} SourceFile */
/**
 * @typedef {object} Mutant
 * @property {string} file
 * @property {number} line
 * @property {'sync' | 'checksum' | 'check' | 'deletion' | 'order' | 'expiry'} kind
 * @property {string} what  the text that goes
 * @property {string} text  the whole source without it
 */

/** Calls that make something durable. File systems themselves are left out: they do what they are told. */
const syncNames = /^(syncSync|dataSyncSync|sync|dataSync|syncDir|syncDirSync|syncDirectory|syncFile|syncNow)$/
const syncFiles = /^src\/(wal|manifest|tables|versions|compaction|run|flush|commit|engine|open|api|blob-cache)\//
/** Files in which `sync` is not the sync of a file. */
const notAFile = /^(api\/varve|engine\/engine|engine\/close|blob-cache\/blob-cache)\.ts$/

/** Files in which bytes from disk become values, or values are compared with each other. */
const checkFiles = new RegExp('^src/(base/(frame|coding|file-header)|wal/log-(reader|format)|' +
  'manifest/(manifest-reader|table-record|version-edit|version-builder|version-check|marker)|' +
  'sstable/(properties|table-format|block/(block-io|block-reader)|lookup/(bloom-filter|point-hash|table-index)|' +
  'read/(table|table-blocks|table-check|table-open|table-scan))|open/(recovery|orphan-check)|engine/log-follower|' +
  'blob-cache/(segment-(format|footer|scan|set)|catalog-(format|reader|state)|snapshot-(format|reader)|(segment-|snapshot-)?recovery|blob-(reader|mover)))\\.ts$')

/** Files that decide whether a file may go, and under which conditions. */
const deletionFiles = new RegExp('^src/(manifest/(obsolete-files|version)|tables/open-tables|' +
  'versions/(unlink-files|file-deleter|log-pins|held-edits)|' +
  'blob-cache/(segment-remover|segment-set|cache-directory|blob-(move|mover|deaths)|memory-segments|store-retreat|' +
  'kill-queue|catalog-writer|tickets))\\.ts$')
const deletionConditions = new RegExp('mayDelete|users|isKept|logNum >=|inUse|numbers\\.has|firstLog|compareMarkers|' +
  'parsed|error [!=]== null|result\\.ok|failure|present\\.has|ENOENT|isSettling|isDurable|isListed|hadMarker|twin|isSafe|' +
  'isEnding|behind|removeIf|findIf|slotOf|isCurrent|isGone|handedOn')

/** @param {SourceFile} source @returns {Mutant[]} */
export function findMutants(source) {
  if (source.isTest) return []
  /** @type {Mutant[]} */
  const mutants = []
  const { ast, file, text } = source
  /** @param {ts.Node} node @param {Mutant['kind']} kind @param {string} instead */
  const add = (node, kind, instead) => {
    const [start, end] = [node.getStart(ast), node.getEnd()]
    const what = `${text.slice(start, end).replace(/\s+/g, ' ')} → ${instead}`
    const without = text.slice(0, start) + instead + text.slice(end)
    mutants.push({ file, line: lineOf(ast, node), kind, what, text: without })
  }
  /** @param {ts.Node} node */
  const visit = (node) => {
    if (syncFiles.test(file) && !notAFile.test(file.slice(4))) addSync(node, add)
    if (checkFiles.test(file)) addCheck(node, ast, add)
    if (deletionFiles.test(file)) addDeletion(node, add)
    ts.forEachChild(node, visit)
  }
  visit(ast)
  return mutants
}

/** @typedef {(node: ts.Node, kind: Mutant['kind'], instead: string) => void} Add */

/** @param {ts.Node} node @param {Add} add */
function addSync(node, add) {
  if (!ts.isCallExpression(node) || !syncNames.test(lastName(node.expression))) return
  const { parent } = node
  // An operation that does nothing takes its place.
  if (ts.isYieldExpression(parent) || lastName(node.expression) === 'syncFile') add(node, 'sync', '[]')
  else if (/Sync$|^syncDirectory$|^syncNow$/.test(lastName(node.expression))) add(node, 'sync', 'undefined')
  else add(node, 'sync', 'Promise.resolve()')
}

/** @param {ts.Expression} expression @returns {string} */
function lastName(expression) {
  if (ts.isIdentifier(expression)) return expression.text
  return ts.isPropertyAccessExpression(expression) ? expression.name.text : ''
}

/** @param {ts.Node} node @param {ts.SourceFile} ast @param {Add} add */
function addCheck(node, ast, add) {
  if (ts.isIfStatement(node) && refuses(node.thenStatement)) {
    for (const part of alternatives(node.expression)) {
      add(part, /crc32|checksum|Crc/i.test(part.getText(ast)) ? 'checksum' : 'check', 'false')
    }
  }
  // `if (good) return value; throw …`: the check is what lets it pass.
  if (ts.isThrowStatement(node)) {
    const before = previousStatement(node)
    const isPassed = before !== null && ts.isIfStatement(before) && returns(before.thenStatement)
    if (isPassed) add(before.expression, 'check', 'true')
  }
  if (ts.isVariableDeclaration(node) && node.name.getText(ast) === 'isGood' && node.initializer !== undefined) {
    add(node.initializer, 'checksum', '() => true')
  }
}

/** @param {ts.Statement} statement */
function refuses(statement) {
  const first = firstOf(statement)
  if (ts.isThrowStatement(first)) return true
  if (ts.isExpressionStatement(first) && ts.isYieldExpression(first.expression)) return true
  if (!ts.isReturnStatement(first) || first.expression === undefined) return false
  return /^(corruption\(|'bad'|'torn'|false$|`|')/.test(first.expression.getText())
}

/** @param {ts.Statement} statement */
function returns(statement) {
  return ts.isReturnStatement(firstOf(statement))
}

/** @param {ts.Statement} statement @returns {ts.Statement} */
function firstOf(statement) {
  return ts.isBlock(statement) && statement.statements[0] !== undefined ? statement.statements[0] : statement
}

/** @param {ts.Statement} statement @returns {ts.Statement | null} */
function previousStatement(statement) {
  const { parent } = statement
  if (!ts.isBlock(parent)) return null
  return parent.statements[parent.statements.indexOf(statement) - 1] ?? null
}

/** Gives the parts of `a || b || c`. @param {ts.Expression} expression @returns {ts.Expression[]} */
function alternatives(expression) {
  const inner = ts.isParenthesizedExpression(expression) ? expression.expression : expression
  if (!ts.isBinaryExpression(inner) || inner.operatorToken.kind !== ts.SyntaxKind.BarBarToken) return [inner]
  return [...alternatives(inner.left), ...alternatives(inner.right)]
}

/**
 * Adds a deletion that does not wait for its condition, or never comes.
 * @param {ts.Node} node @param {Add} add
 */
function addDeletion(node, add) {
  if (ts.isIfStatement(node) && !ts.isThrowStatement(firstOf(node.thenStatement))) {
    for (const part of alternatives(node.expression)) addBoth(part, add)
  }
  if (ts.isConditionalExpression(node)) addBoth(node.condition, add)
}

/** @param {ts.Expression} condition @param {Add} add */
function addBoth(condition, add) {
  if (!deletionConditions.test(condition.getText())) return
  add(condition, 'deletion', 'false')
  add(condition, 'deletion', 'true')
}

/**
 * What keeps old values of a blob cache dead, each left out or done too early (docs/design/0033-blob-cache.md).
 * @type {readonly { file: string, from: string, to: string, what: string }[]}
 */
const blobCacheOrders = [
  {
    file: 'src/blob-cache/blob-deaths.ts', what: 'who kills a record leaves the copy that is made of it alive',
    from: '    if (twin !== null) kills.push(twin, needs)\n', to: '',
  },
  {
    file: 'src/blob-cache/catalog-state.ts', what: 'all of a main segment counts, whatever its limit says',
    from: "const limit = queue === 'main' ? 0 : Infinity", to: 'const limit = Infinity',
  },
  {
    file: 'src/blob-cache/segment-remover.ts', what: 'entries leave the index before the removal is durable',
    from: '    const isDurable = await this.writeRemoval(segment, changes)\n',
    to: '    this.forget(victim, entries)\n    const isDurable = await this.writeRemoval(segment, changes)\n',
  },
  {
    file: 'src/blob-cache/segment-remover.ts', what: 'the file goes before the removal is durable',
    from: '    const isDurable = await this.writeRemoval(segment, changes)\n',
    to: '    await segments.remove(segment)\n    const isDurable = await this.writeRemoval(segment, changes)\n',
  },
  {
    file: 'src/blob-cache/segment-remover.ts', what: 'a removal overtakes kills',
    from: '{ tag: ChangeTag.removeSegment, segment }], true)', to: '{ tag: ChangeTag.removeSegment, segment }], false, true)',
  },
  {
    file: 'src/blob-cache/kill-queue.ts', what: 'a kill overtakes the bytes that it waits for',
    from: 'if (needs !== null && !needs.isSafe) break', to: 'if (needs !== null && !needs.isSafe) continue',
  },
  {
    file: 'src/blob-cache/segment-recovery.ts', what: 'copies that lost are not killed',
    from: '      state.segments.get(loser.segment)?.dead.add(loser.recordNum)\n', to: '',
  },
  {
    file: 'src/blob-cache/found-content.ts', what: 'numbers begin above what was found, not above what was promised',
    from: '    this.seqNum = state.seqNum\n', to: '    this.seqNum = 0\n',
  },
  {
    file: 'src/blob-cache/snapshot-writer.ts', what: 'a snapshot of the index is left although kills wait',
    from: 'if (kills.length > 0 || state.marks', to: 'if (state.marks',
  },
  {
    file: 'src/blob-cache/snapshot-writer.ts', what: 'a snapshot is named although something was killed meanwhile',
    from: 'if (kills.end === killsEnd) await', to: 'if (kills.end >= killsEnd) await',
  },
  {
    file: 'src/blob-cache/catalog-state.ts', what: 'a snapshot counts although groups stand behind it',
    from: '    this.snapshot = null //', to: '    //',
  },
  {
    file: 'src/blob-cache/recovery.ts', what: 'an open from a snapshot forgets what was purged',
    from: '      if (content !== null) return content\n',
    to: '      if (content !== null) state.marks.clear()\n      if (content !== null) return content\n',
  },
  {
    file: 'src/blob-cache/snapshot-recovery.ts', what: 'a segment that is not sealed may have records that the snapshot lacks',
    from: 'if (isThere === dead.has(recordNum)) return false', to: 'if (isThere && dead.has(recordNum)) return false',
  },
  {
    file: 'src/blob-cache/segment-scan.ts', what: 'records are counted, their numbers are not read',
    from: 'entries.push(entryOf(record, end, bytes, key))',
    to: 'entries.push({ ...entryOf(record, end, bytes, key), recordNum: entries.length })',
  },
  {
    file: 'src/blob-cache/segment-stream.ts', what: 'a segment that goes on gives record numbers again',
    from: 'segment.goOn(content.entries, content.end, lastNum + 1)',
    to: 'segment.goOn(content.entries, content.end, content.entries.length)',
  },
  {
    file: 'src/blob-cache/blob-puts.ts', what: 'a put that waits is not overtaken by a later one',
    from: '    this.options.tickets.passBy(blob.key.low, blob.key.high)\n', to: '',
  },
  {
    file: 'src/blob-cache/blob-reader.ts', what: 'keys are not compared',
    from: "return isKeyOf(bytes, at, header, key) ? this.options.goneReason(header) : 'collision'",
    to: 'return this.options.goneReason(header)',
  },
  {
    file: 'src/blob-cache/blob-reader.ts', what: 'a place that moved meanwhile is not looked at again',
    from: 'if (!hasMoved || attempt > 0) return found', to: 'return found',
  },
  {
    file: 'src/blob-cache/blob-move.ts', what: 'an item gets its new place although it has another one than the old one',
    from: 'index.moveIf(low, high, this.victim, recordNum, toSegment, to.offset, to.recordNum, to.visits)',
    to: 'index.set(low, high, toSegment, to.offset, to.bytes, to.recordNum, to.visits)',
  },
]

/**
 * Pairs of lines whose order matters: each entry makes the later one come first.
 * @type {readonly { file: string, from: string, to: string, what: string }[]}
 */
const orders = [
  {
    file: 'src/compaction/compaction-steps.ts', what: 'inputs go before the edit is durable',
    from: '    if (!(yield* installer.list(edit))) return ends.onStopped(task)\n',
    to: '    installer.retire(replaced)\n    if (!(yield* installer.list(edit))) return ends.onStopped(task)\n',
  },
  {
    file: 'src/versions/installer.ts', what: 'fast mode: what an edit replaces goes before the held edit is durable',
    from: '    else this.options.heldEdits.add({ ...held, onDurable })\n',
    to: '    else {\n      onDurable()\n      this.options.heldEdits.add({ ...held, onDurable: () => undefined })\n    }\n',
  },
  {
    file: 'src/versions/value-log-sweep.ts', what: 'a value log goes before what let go of it is durable',
    from: 'if (facts.liveCount === 0 && current.valueLogs.get(facts.fileNum)?.liveCount === 0) dead.push(facts)',
    to: 'if (current.valueLogs.get(facts.fileNum)?.liveCount === 0) dead.push(facts)',
  },
  {
    file: 'src/versions/value-log-sweep.ts', what: 'the file of a value log goes while somebody may read it',
    from: '      retire(fileNum, () => {\n',
    to: '      ;((_fileNum, onUnused) => onUnused())(fileNum, () => {\n',
  },
  {
    file: 'src/versions/value-log-sweep.ts', what: 'the file of a value log goes while a pin keeps it',
    from: '|| logPins.keeps(log))',
    to: ')',
  },
  {
    file: 'src/flush/flusher.ts', what: 'the log goes before the edit is durable',
    from: '    if (!(yield* installer.list(edit, [task.log]))) return this.putBack(task)\n    this.release(task, edit)\n',
    to: '    this.release(task, edit)\n    yield* installer.list(edit, [task.log])\n',
  },
  {
    file: 'src/tables/open-tables.ts', what: 'a table goes while it is read',
    from: '    entry.onUnused = onUnused\n    if (entry.users === 0) this.closeTable(fileNum, entry)',
    to: '    entry.onUnused = null\n    onUnused()\n    if (entry.users === 0) this.closeTable(fileNum, entry)',
  },
  ...blobCacheOrders,
]

/** @param {import('./source-tree.mjs').SourceTree} tree @returns {Mutant[]} */
export function orderMutants(tree) {
  return [...orders, ...expirySites].map(({ file, from, to, what }, i) => {
    const source = tree.get(file)
    const at = source?.text.indexOf(from) ?? -1
    if (source === undefined || at < 0) throw new Error(`${file}: the text of the mutant is not there: ${what}`)
    const line = source.text.slice(0, at).split('\n').length
    const kind = i < orders.length ? 'order' : 'expiry'
    return { file, line, kind, what, text: source.text.replace(from, () => to) }
  })
}
