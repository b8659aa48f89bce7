// @ts-check
// A small assembler for WebAssembly's text format: what src/codec/lz4.wat needs of it, in folded form only. One memory,
// functions with named parameters and locals, exports in place. Whatever else stands there is an error.

/** @typedef {string | Item[]} Item */
/** @typedef {{ params: string[], result: string | null, locals: string[], names: Map<string, number> }} Signature */
/** @typedef {{ functions: Map<string, number>, names: Map<string, number>, labels: (string | null)[] }} Scope */

const TYPES = new Map([['i32', 0x7f], ['i64', 0x7e]])
/** Operations whose operands all stand on the stack. */
const PLAIN = new Map(Object.entries({
  return: 0x0f,
  'i32.eqz': 0x45, 'i32.eq': 0x46, 'i32.ne': 0x47, 'i32.lt_s': 0x48, 'i32.lt_u': 0x49, 'i32.gt_s': 0x4a,
  'i32.gt_u': 0x4b, 'i32.le_s': 0x4c, 'i32.le_u': 0x4d, 'i32.ge_s': 0x4e, 'i32.ge_u': 0x4f,
  'i64.ne': 0x52, 'i32.add': 0x6a, 'i32.sub': 0x6b, 'i32.mul': 0x6c, 'i32.div_u': 0x6e, 'i32.and': 0x71,
  'i32.or': 0x72, 'i32.shl': 0x74, 'i32.shr_u': 0x76, 'i64.ctz': 0x7a, 'i64.xor': 0x85, 'i64.shr_u': 0x88,
  'i32.wrap_i64': 0xa7,
}))
/** Loads and stores: none says that its address is aligned. */
const MEMORY = new Map(Object.entries({
  'i32.load': 0x28, 'i64.load': 0x29, 'i32.load8_u': 0x2d, 'i32.load16_u': 0x2f,
  'i32.store': 0x36, 'i64.store': 0x37, 'i32.store8': 0x3a, 'i32.store16': 0x3b,
}))
const LOCAL = new Map([['local.get', 0x20], ['local.set', 0x21], ['local.tee', 0x22]])
const BRANCH = new Map([['br', 0x0c], ['br_if', 0x0d]])
const BULK = new Map([['memory.copy', [0xfc, 10, 0, 0]], ['memory.fill', [0xfc, 11, 0]]])
const NO_RESULT = 0x40
const END = 0x0b

/**
 * Gives the module of a text.
 * @param {string} text
 */
export function assemble(text) {
  const [module, ...rest] = parse(text)
  if (!Array.isArray(module) || module[0] !== 'module' || rest.length > 0) throw new Error('not one module')
  /** @type {Item[][]} */
  const fields = module.slice(1).map((field) => (Array.isArray(field) ? field : fail(field)))
  const functions = fields.filter(([head]) => head === 'func')
  const numbers = new Map(functions.map((field, i) => [String(field[1]), i]))
  /** @type {number[][]} */
  const exports = []
  /** @type {number[][]} */
  const memories = []
  for (const field of fields) {
    const what = field[0]
    if (what === 'memory') memories.push([0, ...unsigned(Number(field.at(-1)))])
    else if (what !== 'func') fail(field)
    const name = exportOf(field)
    const index = what === 'func' ? /** @type {number} */ (numbers.get(String(field[1]))) : 0
    if (name !== null) exports.push([...string(name), what === 'func' ? 0 : 2, ...unsigned(index)])
  }
  const parts = functions.map((field) => functionOf(field, numbers))
  return new Uint8Array([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, parts.map(({ type }) => type)),
    ...section(3, parts.map((_, i) => unsigned(i))),
    ...section(5, memories),
    ...section(7, exports),
    ...section(10, parts.map(({ code }) => [...unsigned(code.length), ...code])),
  ])
}

/**
 * @param {string} text
 * @returns {Item[]}
 */
function parse(text) {
  /** @type {Item[][]} */
  const open = [[]]
  for (const [token] of text.replace(/;;.*/g, '').matchAll(/[()]|"[^"]*"|[^\s()]+/g)) {
    if (token === '(') open.push([])
    else if (token === ')') {
      const done = /** @type {Item[]} */ (open.pop())
      ;(open.at(-1) ?? fail('a bracket too many')).push(done)
    } else /** @type {Item[]} */ (open.at(-1)).push(token)
  }
  return open.length === 1 ? /** @type {Item[]} */ (open[0]) : fail('a bracket is not closed')
}

/** @param {Item[]} field */
function exportOf(field) {
  const found = field.find((item) => Array.isArray(item) && item[0] === 'export')
  return found === undefined ? null : String(found[1]).slice(1, -1)
}

/**
 * @param {Item[]} field
 * @param {Map<string, number>} functions
 */
function functionOf(field, functions) {
  /** @type {Signature} */
  const signature = { params: [], result: null, locals: [], names: new Map() }
  let at = 2
  for (; at < field.length; at++) {
    const item = field[at]
    if (!Array.isArray(item) || !takeSignature(item, signature)) break
  }
  const { params, result, locals, names } = signature
  const body = field.slice(at).flatMap((item) => instruction(item, { functions, names, labels: [] }))
  const results = result === null ? [] : [typeNumber(result)]
  return {
    type: [0x60, ...list(params.map(typeNumber)), ...list(results)],
    code: [...unsigned(locals.length), ...locals.flatMap((type) => [1, typeNumber(type)]), ...body, END],
  }
}

/** Takes what stands before the body of a function. @param {Item[]} item @param {Signature} signature */
function takeSignature([head, name, type], signature) {
  if (head === 'export') return true
  if (head === 'result') signature.result = String(name)
  else if (head === 'param' || head === 'local') {
    signature.names.set(String(name), signature.names.size)
    const types = head === 'param' ? signature.params : signature.locals
    types.push(String(type))
  } else return false
  return true
}

/**
 * @param {Item} item
 * @param {Scope} scope
 * @returns {number[]}
 */
function instruction(item, scope) {
  if (!Array.isArray(item)) return fail(item)
  const [head, ...rest] = /** @type {[string, ...Item[]]} */ (item)
  if (head === 'block' || head === 'loop') {
    const inner = { ...scope, labels: [String(rest[0]), ...scope.labels] }
    const body = rest.slice(1).flatMap((each) => instruction(each, inner))
    return [head === 'block' ? 0x02 : 0x03, NO_RESULT, ...body, END]
  }
  if (head === 'if') return conditional(rest, scope)
  if (head === 'i32.const' || head === 'i64.const') return [head === 'i32.const' ? 0x41 : 0x42, ...signed(Number(rest[0]))]
  if (head === 'call') return [...operands(rest.slice(1), scope), 0x10, ...unsigned(named(scope.functions, rest[0]))]
  const local = LOCAL.get(head)
  if (local !== undefined) return [...operands(rest.slice(1), scope), local, ...unsigned(named(scope.names, rest[0]))]
  const branch = BRANCH.get(head)
  if (branch !== undefined) {
    const depth = scope.labels.indexOf(String(rest[0]))
    return [...operands(rest.slice(1), scope), branch, ...(depth < 0 ? fail(rest[0]) : unsigned(depth))]
  }
  const memory = MEMORY.get(head)
  if (memory !== undefined) return [...operands(rest, scope), memory, 0, 0]
  const bulk = BULK.get(head)
  if (bulk !== undefined) return [...operands(rest, scope), ...bulk]
  const plain = PLAIN.get(head)
  return plain === undefined ? fail(item) : [...operands(rest, scope), plain]
}

/** @param {Item[]} parts @param {Scope} scope @returns {number[]} */
function conditional(parts, scope) {
  const inner = { ...scope, labels: [null, ...scope.labels] }
  const [condition, yes, no] = parts
  /** @param {Item | undefined} branch @param {string} name */
  const body = (branch, name) => {
    if (!Array.isArray(branch) || branch[0] !== name) return fail(branch)
    return branch.slice(1).flatMap((each) => instruction(each, inner))
  }
  const otherwise = no === undefined ? [] : [0x05, ...body(no, 'else')]
  return [...operands([/** @type {Item} */ (condition)], scope), 0x04, NO_RESULT, ...body(yes, 'then'), ...otherwise, END]
}

/** @param {Item[]} items @param {Scope} scope */
function operands(items, scope) {
  return items.flatMap((item) => instruction(item, scope))
}

/** @param {Map<string, number>} numbers @param {Item | undefined} name */
function named(numbers, name) {
  return numbers.get(String(name)) ?? fail(name)
}

/** @param {string} type */
function typeNumber(type) {
  return TYPES.get(type) ?? fail(type)
}

/** @param {number} id @param {number[][]} items */
function section(id, items) {
  const content = [...unsigned(items.length), ...items.flat()]
  return [id, ...unsigned(content.length), ...content]
}

/** @param {number[]} bytes */
function list(bytes) {
  return [...unsigned(bytes.length), ...bytes]
}

/** @param {string} text */
function string(text) {
  return list([...new TextEncoder().encode(text)])
}

/** @param {number} value @returns {number[]} */
function unsigned(value) {
  return value < 128 ? [value] : [(value % 128) + 128, ...unsigned(Math.floor(value / 128))]
}

/** @param {number} value @returns {number[]} */
function signed(value) {
  if (!Number.isInteger(value)) return fail(String(value))
  if (value >= -64 && value < 64) return [value & 0x7f]
  return [(value & 0x7f) | 0x80, ...signed(Math.floor(value / 128))]
}

/** @param {Item | undefined} item @returns {never} */
function fail(item) {
  throw new Error(`not known: ${JSON.stringify(item)}`)
}
