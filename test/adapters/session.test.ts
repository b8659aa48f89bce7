/** What: `varve/session` under express-session itself, and call by call. */
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRequire } from 'node:module'
import { describe, it } from 'node:test'
import type { Varve } from '../../src/index.js'
import { SessionStore } from '../../src/session.js'
import type { SessionStoreCalls, SessionStoreOptions, StoredSession } from '../../src/session.js'
import { Place } from '../support/databases/databases.js'
import { SetClock } from '../support/fakes/set-clock.js'
import { expectError } from '../support/harness/expect-error.js'
import { keepProcess } from '../support/harness/keep-process.js'

keepProcess()

interface Request extends IncomingMessage {
  session: StoredSession & { destroy(done: () => void): void; regenerate(done: () => void): void }
  sessionID: string
}

type Middleware = (request: Request, response: ServerResponse, next: (error?: unknown) => void) => void
const expressSession = createRequire(import.meta.url)('express-session') as {
  (options: object): Middleware
  Store: new () => EventEmitter
}
const Store = SessionStore(expressSession)

interface Scene {
  db: Varve
  clock: SetClock
  store: EventEmitter & SessionStoreCalls
}

async function onStore(
  run: (scene: Scene) => Promise<void>, options: Partial<SessionStoreOptions> = {},
): Promise<void> {
  const clock = new SetClock()
  const place = new Place('memory')
  const db = await place.open({ components: { clock }, workers: 0 })
  await run({ db, clock, store: new Store({ db, ...options }) })
  await place.close()
}

const cookieOf = (expires?: Date) => ({ originalMaxAge: null, path: '/', ...(expires && { expires }) })

/** The result of a call that takes a callback. */
function called<T>(call: (done: (error: unknown, result?: T) => void) => unknown): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    let isOver = false
    assert.equal(call((error, result) => {
      assert.ok(isOver, 'a callback comes in a later turn')
      if (error) reject(error as Error)
      else resolve(result)
    }), undefined)
    isOver = true
  })
}

describe('a session store', () => {
  it('is a store of the framework', () => onStore(async ({ store }) => {
    assert.ok(store instanceof expressSession.Store && store instanceof EventEmitter)
    for (const name of ['regenerate', 'load', 'createSession']) {
      assert.equal(typeof (store as unknown as Record<string, unknown>)[name], 'function')
    }
  }))

  it('answers each call by a callback, or by a promise', () => onStore(async ({ store, db }) => {
    assert.equal(await called((done) => store.get('a', done)), null)
    await called((done) => store.set('a', { cookie: cookieOf(), user: 'Ada' }, done))
    await store.set('b', { cookie: cookieOf(), user: 'Alan' })
    assert.deepEqual(await called((done) => store.get('a', done)), { cookie: cookieOf(), user: 'Ada' })
    assert.equal((await store.get('b'))?.['user'], 'Alan')
    assert.equal(await called((done) => store.length(done)), 2)
    const listed = await called<StoredSession[]>((done) => store.all(done))
    assert.deepEqual(listed?.map(({ id, user }) => [id, user]), [['a', 'Ada'], ['b', 'Alan']])
    assert.deepEqual((await store.all())?.length, 2)
    await called((done) => store.touch('a', { cookie: cookieOf() }, done))
    await called((done) => store.destroy('a', done))
    await store.destroy('a')
    assert.equal(await store.get('a'), null)
    await db.put('other', 'stays')
    await called((done) => store.clear(done))
    assert.equal(await store.length(), 0)
    assert.ok(db.hasSync('other'))
    await db.close()
    await assert.rejects(called((done) => store.get('a', done)), { code: 'CLOSED' })
    await assert.rejects(Promise.resolve(store.set('a', {})), { code: 'CLOSED' })
  }))

  it('keeps a session until its cookie expires, or for the option ttl', () => onStore(async ({ store, clock }) => {
    const until = (ms: number) => new Date(clock.wall + ms)
    await store.set('cookie', { cookie: cookieOf(until(5000)) })
    await store.set('text', { cookie: { expires: until(5000).toISOString() } })
    await store.set('none', { cookie: cookieOf() })
    await store.set('odd', { cookie: { expires: 'never' } })
    await store.set('past', { cookie: cookieOf(until(-1)) })
    assert.deepEqual((await store.all())!.map(({ id }) => id), ['cookie', 'none', 'odd', 'text'])
    clock.pass(1500)
    assert.deepEqual((await store.all())!.map(({ id }) => id), ['cookie', 'text'])
    clock.pass(3500)
    assert.equal(await store.length(), 0)
  }, { ttl: 1000 }))

  it('takes any time that a cookie can have', () => onStore(async ({ store, clock }) => {
    for (const past of [new Date(0), new Date(-1), new Date(-8.64e15), '1901-01-01', 'Thu, 01 Jan 1970 00:00 GMT']) {
      await store.set('a', { cookie: { expires: past } })
      assert.equal(await store.get('a'), null, String(past))
    }
    await store.set('far', { cookie: { expires: new Date(8.64e15) } })
    for (const none of [null, undefined, false, true, 5, NaN, '', new Date(NaN)]) {
      await store.set('none', { cookie: { expires: none } })
      assert.notEqual(await store.get('none'), null, String(none))
    }
    clock.pass(2000)
    assert.deepEqual((await store.all())!.map(({ id }) => id), ['far'])
  }, { ttl: 1000 }))

  it('keeps apart what hostile ids and contents look like, and tells each refusal to its callback', () => onStore(
    async ({ store, db }) => {
      const ids = ['', ' ', '__proto__', 'constructor', 'session:', 'a\0b', '\uffff', '😀', '../x', 'x'.repeat(5000)]
      const hostile = (id: string): object =>
        JSON.parse(`{"__proto__":{"admin":true},"id":${JSON.stringify(id)},"cookie":{}}`) as object
      await Promise.all(ids.map((id) => called((done) => store.set(id, hostile(id), done))))
      for (const id of ids) {
        const session = await called<StoredSession | null>((done) => store.get(id, done))
        assert.deepEqual([session!['id'], ({} as StoredSession)['admin']], [id, undefined])
      }
      assert.deepEqual((await store.all())!.map(({ id }) => id).sort(), [...ids].sort())
      assert.equal(await store.length(), ids.length)
      const circle: Record<string, unknown> = { cookie: {} }
      circle['self'] = circle
      const trap = { get cookie(): never { throw new Error('trap') } }
      const refused: (() => Promise<unknown>)[] = [
        () => called((done) => store.set('a', circle, done)), () => called((done) => store.set('a', trap, done)),
        () => called((done) => store.set('x'.repeat(70_000), {}, done)),
        () => called((done) => store.set('a', undefined as never, done)),
        () => called((done) => store.touch('a', null as never, done)),
        ...[undefined, null, 5, {}, Symbol('s')].flatMap((id) => [
          () => called((done) => store.get(id as never, done)),
          () => called((done) => store.destroy(id as never, done)),
          () => called((done) => store.set(id as never, {}, done)),
        ]),
      ]
      for (const call of refused) await assert.rejects(call(), String(call))
      await db.put('session:spoilt', 'no JSON')
      await assert.rejects(called((done) => store.get('spoilt', done)), { code: 'INVALID_ARGUMENT' })
      await called((done) => store.destroy('spoilt', done))
      assert.equal(await store.length(), ids.length)
      // Calls at once: the last of each kind holds, and the counts agree.
      await Promise.all(Array.from({ length: 200 }, (_, i) => called((done) => store.set('busy', { i }, done))))
      assert.equal((await store.get('busy'))!['i'], 199)
    }))

  it('tells the time of a touch, and brings nothing back', () => onStore(async ({ store, clock }) => {
    const until = (ms: number) => new Date(clock.wall + ms)
    await store.set('a', { cookie: cookieOf(until(1000)), user: 'Ada' })
    clock.pass(900)
    const later = until(1000)
    await store.touch('a', { cookie: cookieOf(later), user: 'changed' })
    clock.pass(900)
    assert.deepEqual(await store.get('a'), { cookie: { ...cookieOf(), expires: later.toISOString() }, user: 'Ada' })
    clock.pass(200)
    await store.touch('a', { cookie: cookieOf(until(1000)) })
    assert.equal(await store.get('a'), null, 'it had expired')
    await store.set('b', { cookie: cookieOf() })
    await store.destroy('b')
    await store.touch('b', { cookie: cookieOf() })
    assert.equal(await store.get('b'), null, 'a request that ends after a logout does not undo it')
  }))

  it('leaves what is thrown in a callback to the program', () => onStore(async ({ store }) => {
    const { queueMicrotask } = globalThis
    const outside = new Promise<() => void>((resolve) => {
      globalThis.queueMicrotask = resolve
    })
    void store.get('a', () => { throw new Error('of the program') })
    const act = await outside
    globalThis.queueMicrotask = queueMicrotask
    assert.throws(act, /of the program/)
  }))

  it('refuses options that are none', () => onStore(async ({ db }) => {
    const bad = [undefined, {}, { db: 5 }, { db, ttl: 0 }, { db, ttl: 1.5 }, { db, prefix: 5 }, { db, tll: 5 }]
    for (const options of bad) {
      expectError(() => new Store(options as unknown as SessionStoreOptions), 'INVALID_ARGUMENT')
    }
    const store = new Store({ db })
    await assert.rejects(called((done) => store.set('a', { big: 5n }, done)), { code: 'INVALID_ARGUMENT' })
  }))

  it('has a prefix: two stores share a database', () => onStore(async ({ store, db }) => {
    const other = new Store({ db, prefix: 'admin:' })
    await store.set('a', { user: 1 })
    await other.set('a', { user: 2 })
    await other.clear()
    assert.deepEqual(await store.get('a'), { user: 1 })
  }))
})

/** A program with express-session: counts the visits of each session, and answers with what it knows. */
async function served(store: object, cookie: object, run: (visit: Visit) => Promise<void>): Promise<void> {
  const sessions = expressSession({ store, secret: 'secret', resave: false, saveUninitialized: false, cookie })
  const server = createServer((plain, response) => {
    const request = plain as Request
    sessions(request, response, () => {
      const { url, session } = request
      const end = (): void => void response.end(JSON.stringify(request.session?.['visits'] ?? null))
      if (url === '/login') session.regenerate(() => {
        request.session['visits'] = 1
        end()
      })
      else if (url === '/logout') session.destroy(end)
      else {
        if (session['visits'] !== undefined && url === '/') session['visits'] = Number(session['visits']) + 1
        end()
      }
    })
  }).listen(0)
  await once(server, 'listening')
  let jar = ''
  await run(async (path) => {
    const url = `http://localhost:${(server.address() as AddressInfo).port}${path}`
    const answer = await fetch(url, { headers: jar === '' ? {} : { cookie: jar } })
    jar = answer.headers.get('set-cookie')?.split(';')[0] ?? jar
    return answer.json()
  })
  server.close()
  server.closeAllConnections()
}

type Visit = (path: string) => Promise<unknown>

describe('express-session', () => {
  it('keeps, changes, replaces and ends sessions in it', async () => {
    const place = new Place('memory')
    const db = await place.open({ workers: 0 })
    await served(new Store({ db }), {}, async (visit) => {
      assert.equal(await visit('/'), null)
      assert.equal(db.stats().writes.entryCount, 0, 'a session without content is not stored')
      assert.equal(await visit('/login'), 1)
      assert.equal(await visit('/'), 2)
      assert.equal(await visit('/look'), 2)
      assert.equal(await visit('/login'), 1)
      assert.equal([...db.keysSync({ prefix: 'session:' })].length, 1, 'the session that was replaced is gone')
      assert.equal(await visit('/logout'), null)
      assert.equal([...db.keysSync()].length, 0)
      assert.equal(await visit('/'), null)
    })
    await place.close()
  })

  it('lets sessions expire, and a visit makes them last', async () => {
    const clock = new SetClock()
    clock.wall = Date.now()
    const place = new Place('memory')
    const db = await place.open({ components: { clock }, workers: 0 })
    await served(new Store({ db }), { maxAge: 3_600_000 }, async (visit) => {
      assert.equal(await visit('/login'), 1)
      const [first] = [...db.view({ key: 'utf8', value: 'json' }).keysSync()]
      const before = db.entrySync(first!)!.expiresAt!
      assert.ok(Math.abs(before - Date.now() - 3_600_000) < 60_000)
      await new Promise((done) => setTimeout(done, 5))
      assert.equal(await visit('/look'), 1)
      assert.ok(db.entrySync(first!)!.expiresAt! > before, 'touched')
      clock.pass(3_700_000)
      assert.equal(await visit('/look'), null)
    })
    await place.close()
  })
})
