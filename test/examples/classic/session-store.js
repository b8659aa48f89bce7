// Sessions for express-session on classic-level: an index by the time of expiry, and a sweep.
import { ClassicLevel } from 'classic-level'
import session from 'express-session'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'

const DAY_MS = 86_400_000
const SWEEP_MS = 60_000

class LevelStore extends session.Store {
  #db
  #sessions
  #expiries
  #timer
  #last = Promise.resolve()

  constructor(db) {
    super()
    this.#db = db
    this.#sessions = db.sublevel('sessions', { valueEncoding: 'json' })
    this.#expiries = db.sublevel('expiries')
    this.#timer = setInterval(() => void this.sweep().catch(() => undefined), SWEEP_MS).unref()
  }

  get(sid, callback) {
    this.#sessions.get(sid).then((stored) => {
      callback(null, stored !== undefined && stored.expires > Date.now() ? stored.session : null)
    }, callback)
  }

  set(sid, session, callback) {
    void this.#inTurn(() => this.#write(sid, session, this.#expiryOf(session)), callback)
  }

  touch(sid, session, callback) {
    void this.#inTurn(async () => {
      const stored = await this.#sessions.get(sid)
      if (stored === undefined || stored.expires <= Date.now()) return
      stored.session.cookie = session.cookie
      await this.#write(sid, stored.session, this.#expiryOf(session))
    }, callback)
  }

  destroy(sid, callback) {
    void this.#inTurn(async () => {
      const stored = await this.#sessions.get(sid)
      if (stored !== undefined) await this.#db.batch(this.#deletion(sid, stored.expires))
    }, callback)
  }

  async length() {
    let count = 0
    for await (const { expires } of this.#sessions.values()) if (expires > Date.now()) count++
    return count
  }

  async sweep() {
    for await (const key of this.#expiries.keys({ lt: this.#expiryKey(Date.now(), '') })) {
      const [time, sid] = [Number(key.slice(0, 15)), key.slice(16)]
      await this.#inTurn(() => this.#db.batch(this.#deletion(sid, time)))
    }
  }

  close() {
    clearInterval(this.#timer)
    return this.#last
  }

  async #write(sid, session, expires) {
    const before = await this.#sessions.get(sid)
    await this.#db.batch([
      ...(before === undefined ? [] : this.#deletion(sid, before.expires)),
      { type: 'put', sublevel: this.#sessions, key: sid, value: { session, expires } },
      { type: 'put', sublevel: this.#expiries, key: this.#expiryKey(expires, sid), value: '' },
    ])
  }

  #deletion(sid, expires) {
    return [
      { type: 'del', sublevel: this.#sessions, key: sid },
      { type: 'del', sublevel: this.#expiries, key: this.#expiryKey(expires, sid) },
    ]
  }

  #expiryKey(time, sid) {
    return `${String(time).padStart(15, '0')}:${sid}`
  }

  #expiryOf({ cookie }) {
    return cookie?.expires ? Number(new Date(cookie.expires)) : Date.now() + DAY_MS
  }

  /** Reads and writes of one call must not mix with those of another. */
  #inTurn(act, callback = () => undefined) {
    const done = this.#last.then(act)
    this.#last = done.catch(() => undefined)
    done.then(() => callback(null), callback)
    return done
  }
}

async function startServer(location, port, maxAge) {
  const db = new ClassicLevel(location)
  await db.open()
  const store = new LevelStore(db)
  const sessions = session({ store, secret: 'change me', resave: false, saveUninitialized: false, cookie: { maxAge } })

  const server = createServer((req, res) => sessions(req, res, () => {
    const { pathname, searchParams } = new URL(req.url, 'http://localhost')
    if (pathname === '/login') req.session.user = searchParams.get('name')
    if (pathname === '/logout') return req.session.destroy(() => res.end('goodbye\n'))
    res.end(`hello ${req.session.user ?? 'stranger'}\n`)
  })).listen(port)
  await once(server, 'listening')
  return {
    url: `http://localhost:${server.address().port}`,
    store,
    async stop() {
      server.close()
      server.closeAllConnections()
      await store.close()
      await db.close()
    },
  }
}

async function show() {
  const location = mkdtempSync(path.join(tmpdir(), 'classic-sessions-'))
  let cookie = ''
  const visit = async ({ url }, page) => {
    const answer = await fetch(url + page, { headers: { cookie } })
    cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? cookie
    console.log(`${page}: ${(await answer.text()).trim()}`)
  }

  let server = await startServer(location, 0, 3_600_000)
  await visit(server, '/')
  await visit(server, '/login?name=Ada')
  await server.stop()
  server = await startServer(location, 0, 3_600_000)
  await visit(server, '/after-a-restart')
  console.log('sessions:', await server.store.length())
  await visit(server, '/logout')
  await visit(server, '/')
  await server.stop()

  server = await startServer(location, 0, 1)
  await visit(server, '/login?name=Alan')
  await new Promise((resolve) => setTimeout(resolve, 50))
  await server.store.sweep()
  await visit(server, '/later')
  console.log('sessions:', await server.store.length())
  await server.stop()
  rmSync(location, { recursive: true })
}

if (process.argv[2] === undefined) await show()
else console.log((await startServer(process.argv[3] ?? 'sessions', Number(process.argv[2]), 3_600_000)).url)
