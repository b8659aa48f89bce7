/** Each public call is heard of on a channel under its name, or docs/monitoring.md says why not: none is forgotten. */
import assert from 'node:assert/strict'
import diagnostics from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { after, test } from 'node:test'
import { Varve } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { packageDir } from '../support/harness/golden.js'
import { listenToTraces } from '../support/harness/trace-listener.js'

const KINDS = ['read', 'write', 'job'] as const
type Kind = (typeof KINDS)[number]
type Calls = Record<string, (...args: unknown[]) => unknown>

/** Calls of a kind, and the operation that each is heard of as, where that is another name. */
const READS = ['get', 'has', 'entry', 'getMany', 'getStream']
const WRITES = ['put', 'del', 'touch', 'batch', 'delRange', 'clear', 'putStream', 'sync', 'flush']
const JOBS = [
  'compact', 'collectGarbage', 'ingest', 'load', 'export', 'checkpoint', 'scrub', 'heal', 'refresh', 'resume', 'close',
]
const TOOLS = [
  'open', 'verify', 'heal', 'repair', 'checkpoint', 'backup', 'backups', 'restore', 'import', 'destroy', 'forceUnlock',
]
/** Not heard of, each with a word of the sentence in the guide that says why. */
const SILENT: Record<string, string> = {
  entries: 'Walks', keys: 'Walks', values: 'Walks', snapshot: 'snapshot', position: 'position', stats: 'stats',
  view: 'view', pins: 'pins', follow: 'follow', tableWriter: 'tableWriter',
  putOp: 'putOp', delOp: 'delOp', delRangeOp: 'delRangeOp',
}

const api = readFileSync(path.join(packageDir, 'docs/api.md'), 'utf8')

/** Names of the public methods and getters of classes, as the reference of the API has them. */
function namesOf(names: readonly string[], which: 'static' | 'of objects'): string[] {
  const found = new Set<string>()
  for (const name of names) {
    const body = new RegExp(`class ${name}[< ].*\\{\\n([\\s\\S]*?)^\\}`, 'm').exec(api)![1]!
    for (const [, isStatic, called] of body.matchAll(/^ {4}(static )?(?:get )?([a-zA-Z]+)[<(]/gm)) {
      if ((isStatic !== undefined) === (which === 'static') && called !== 'constructor') found.add(called!)
    }
  }
  return [...found]
}

const base = (name: string): string => name.replace(/Sync$/, '')

function kindOf(name: string): Kind | 'silent' | null {
  if (READS.includes(base(name))) return 'read'
  if (WRITES.includes(base(name))) return 'write'
  if (JOBS.includes(name)) return 'job'
  return base(name) in SILENT ? 'silent' : null
}

const vfs = new MemoryVfs()
const db = await Varve.open('/db', { components: { vfs }, workers: 0 })
after(() => db.close())

/** Makes a call, whose arguments may be refused, and gives what was heard of it as `kind op step`. */
async function heardOf(call: () => unknown): Promise<string[]> {
  const listeners = KINDS.map((kind) => [kind, listenToTraces(kind)] as const)
  try {
    await call()
  } catch {
    // A call that is refused is heard of as well.
  }
  for (const [, { end }] of listeners) end()
  return listeners.flatMap(([kind, { steps }]) => steps().map((step) => `${kind} ${step}`))
}

const startsOf = (heard: string[]): string[] => heard.filter((step) => step.endsWith(' start'))

async function checkEach(owner: object, names: readonly string[], kinds: (name: string) => Kind | 'silent' | null) {
  for (const name of names) {
    const kind = kinds(name)
    assert.ok(kind !== null, `${name} is a new call: it belongs to a channel, and into a list here, or into the guide`)
    if (kind === 'silent') continue
    const heard = await heardOf(() => (owner as Calls)[name]!())
    assert.deepEqual(startsOf(heard), [`${kind} ${base(name)} start`], name)
    const ends = heard.filter((step) => step.endsWith(name.endsWith('Sync') ? ' end' : ' asyncEnd'))
    assert.equal(ends.length, 1, `${name}: ${heard.join()}`)
  }
}

test('each call of a database is heard of once, or is named as silent', async () => {
  const names = namesOf(['Varve', 'VarveReads', 'VarveAtRest'], 'of objects')
  assert.deepEqual([...READS, ...WRITES, ...JOBS, 'entries', 'pins'].filter((name) => !names.includes(name)), [])
  await checkEach(db, names.filter((name) => name !== 'close'), kindOf)
})

test('so is each call of the class', async () => {
  const names = namesOf(['Varve', 'VarveReads', 'VarveAtRest'], 'static')
  assert.deepEqual(TOOLS.filter((name) => !names.includes(name)), [])
  await checkEach(Varve, names, (name) => TOOLS.includes(name) ? 'job' : name in SILENT ? 'silent' : null)
})

test('the last call of all is heard of too', async () => {
  const other = await Varve.open('/other', { components: { vfs }, workers: 0 })
  assert.deepEqual(startsOf(await heardOf(() => other.close())), ['job close start'])
  assert.deepEqual(startsOf(await heardOf(() => other[Symbol.asyncDispose]())), ['job close start'])
})

test('each call of a view is heard of once, as itself or as that of the database', async () => {
  const view = db.view<string, { a: number }>({ key: 'utf8', value: 'json', prefix: 'v:' })
  const names = namesOf(['View', 'ViewReads'], 'of objects')
  const args: Record<string, unknown[]> = {
    getMany: [['a']], put: ['a', { a: 1 }], touch: ['a', { ttl: 1000 }], delRange: [{ gt: 'a' }], clear: [],
    batch: [[{ type: 'put', key: 'a', value: { a: 1 } }]],
  }
  let count = 0
  for (const name of names) {
    const kind = kindOf(name)
    assert.ok(kind !== null, name)
    if (kind === 'silent') continue
    const heard = await heardOf(() => (view as unknown as Calls)[name]!(...args[base(name)] ?? ['a']))
    assert.deepEqual(startsOf(heard), [`${kind} ${base(name)} start`], name)
    count++
  }
  assert.ok(count >= 18, `${count} calls`)
  const { heard, end } = listenToTraces('read', ['asyncEnd', 'end'])
  await view.getMany(['a', 'b'])
  assert.deepEqual(heard[0]![1], { db: '/db', op: 'getMany', count: 2 })
  end()
})

test('the guide names each operation, and each call that is silent', () => {
  const guide = readFileSync(path.join(packageDir, 'docs/monitoring.md'), 'utf8')
  const section = guide.slice(guide.indexOf('## What single calls do'), guide.indexOf('## In a profiler'))
  for (const op of [...READS, ...WRITES, ...JOBS, ...TOOLS]) assert.ok(section.includes(`\`${op}\``), op)
  for (const word of Object.values(SILENT)) assert.ok(section.includes(word), word)
})

test('with nobody listening a call asks each channel once, and nothing else happens', async () => {
  const view = db.view({ key: 'utf8', value: 'utf8' })
  const calls: Record<Kind, (() => unknown)[]> = {
    read: [() => db.get('k'), () => db.getSync('k'), () => view.get('k'), () => db.getManySync(['k'])],
    write: [() => db.put('k', 'v'), () => db.delSync('k'), () => view.putSync('k', 'v')],
    job: [() => db.resume(), () => db.compact(), () => Varve.backups('/none', { vfs }).catch(() => undefined)],
  }
  for (const kind of KINDS) {
    const asked = new Map<string, number>()
    const { start, end, asyncStart, asyncEnd, error } = diagnostics.tracingChannel(`varve:${kind}`)
    const channels = [start, end, asyncStart, asyncEnd, error]
    for (const channel of channels) {
      const name = String((channel as { name: unknown }).name)
      Object.defineProperty(channel, 'hasSubscribers', {
        configurable: true,
        get: () => {
          asked.set(name, (asked.get(name) ?? 0) + 1)
          return false
        },
      })
      // Nothing may be told where nobody listens.
      Object.defineProperty(channel, 'publish', { configurable: true, value: () => assert.fail('told') })
      Object.defineProperty(channel, 'runStores', { configurable: true, value: () => assert.fail('told') })
    }
    for (const call of calls[kind]) {
      asked.clear()
      await call()
      assert.deepEqual([...asked.values()], [1, 1, 1, 1, 1], String(call))
    }
    for (const channel of channels) {
      for (const name of ['hasSubscribers', 'publish', 'runStores']) Reflect.deleteProperty(channel, name)
    }
  }
})
