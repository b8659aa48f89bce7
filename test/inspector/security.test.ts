/**
 * The requests that the inspector refuses: each line of the table of attacks in docs/inspector.md, with raw requests.
 * INSP-1, INSP-2, INSP-3, INSP-5.
 */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync,
  writeFileSync } from 'node:fs'
import { EventEmitter } from 'node:events'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { Varve } from '../../src/api/index.js'
import { systemClock } from '../../src/base/index.js'
import { MemoryVfs } from '../../src/vfs/index.js'
import { EventStream, findInspector, inspect, Secrets, Subject, Watch } from '../../src/inspector/index.js'
import type { Inspection } from '../../src/inspector/index.js'
import { ask, askOften, pageHeaders, portOf, raw, signIn, view } from './ask.js'

const runtime = mkdtempSync(path.join(tmpdir(), 'varve-runtime-'))
process.env['XDG_RUNTIME_DIR'] = runtime
after(() => rmSync(runtime, { recursive: true }))

const KEY = '<img src=x onerror=alert(1)>\u202e'
let db: Varve
let shown: Inspection
let port: number
let bearer: string

before(async () => {
  db = await Varve.open('/db', { workers: 0, components: { vfs: new MemoryVfs() } })
  for (let i = 0; i < 50; i++) await db.put(`${KEY}${i}`, `secret value ${i}`)
  await db.flush()
  shown = await inspect(db)
  port = portOf(shown)
  bearer = await signIn(shown)
})
after(async () => {
  await shown.close()
  await db.close()
})

describe('the gate', () => {
  it('answers one of all ways to ask, and refuses the others', async () => {
    const good = `http://127.0.0.1:${port}`
    const hosts = [`127.0.0.1:${port}`, `evil.example:${port}`, '127.0.0.1', `127.0.0.1:${port + 1}`]
    const origins = [undefined, good, `http://evil.example:${port}`, 'null', `https://127.0.0.1:${port}`,
      'http://127.0.0.1']
    const sites = [undefined, 'same-origin', 'none', 'cross-site', 'same-site']
    const bearers = [bearer, 'x'.repeat(43), '']
    let answered = 0
    for (const host of hosts) {
      for (const origin of origins) {
        for (const site of sites) {
          for (const token of bearers) {
            const isHeard = host === hosts[0] && (origin === undefined || origin === good) &&
              (site === undefined || site === 'same-origin' || site === 'none')
            // Failures are counted only behind the gate; they must not use up the second of a good one.
            if (isHeard && token !== bearer) continue
            const headers = {
              host, ...(origin === undefined ? {} : { origin }),
                ...(site === undefined ? {} : { 'sec-fetch-site': site }),
              ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
            }
            const { status, text } = await ask(port, { path: '/api/now', headers })
            if (isHeard && token === bearer) answered++
            assert.equal(status === 200, isHeard && token === bearer, JSON.stringify(headers))
            if (status !== 200) assert.equal(text, '', JSON.stringify(headers))
          }
        }
      }
    }
    assert.equal(answered, 6)
  })

  it('refuses to change anything without origin, site, type and bearer, all four', async () => {
    const whole = pageHeaders(port, bearer)
    for (const missing of Object.keys(whole)) {
      const { [missing]: _, ...headers } = whole
      const { status } = await ask(port, { method: 'POST', path: '/api/admin', headers, body: '{}' })
      assert.notEqual(status, 200, missing)
      assert.notEqual(status, 404, missing)
    }
    const typed = { ...whole, 'content-type': 'text/plain' }
    assert.equal((await ask(port, { method: 'POST', path: '/api/admin', headers: typed, body: '{}' })).status, 415)
    assert.equal((await ask(port, { method: 'POST', path: '/api/admin', headers: whole, body: '{}' })).status, 404,
      'no admin')
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD']) {
      assert.equal((await ask(port, { method, path: '/', headers: whole })).status, 405, method)
    }
  })

  it('takes neither a whole address, nor two hosts, nor other forms of a request', async () => {
    const host = `Host: 127.0.0.1:${port}\r\n`
    const end = 'Connection: close\r\n\r\n'
    assert.match(await raw(port, `GET / HTTP/1.1\r\n${host}${end}`), /^HTTP\/1\.1 200/)
    assert.match(await raw(port, `GET http://evil.example/ HTTP/1.1\r\n${host}${end}`), /^HTTP\/1\.1 400/)
    assert.match(await raw(port, `GET //evil.example/ HTTP/1.1\r\n${host}${end}`), /^HTTP\/1\.1 400/)
    // What a URL is not made of is no failure of the server, and tells nothing.
    const noPath = await raw(port, `GET /\\ HTTP/1.1\r\n${host}${end}`)
    assert.match(noPath, /^HTTP\/1\.1 400/)
    assert.ok(!noPath.includes('Invalid URL'))
    assert.match(await raw(port, `GET / HTTP/1.1\r\n${host}Host: evil.example\r\n${end}`), /^HTTP\/1\.1 403/)
    assert.doesNotMatch(await raw(port, `GET / HTTP/1.1\r\n${end}`), /200/)
    assert.equal(await raw(port, `CONNECT evil.example:80 HTTP/1.1\r\n${host}\r\n`), '')
    const bearerLine = `Authorization: Bearer ${bearer}\r\n`
    const table: [string, string, boolean][] = [
      ['the page’s own', `GET /api/now HTTP/1.1\r\n${host}${bearerLine}`, true],
      ['a name in capitals', `GET /api/now HTTP/1.1\r\nHost: LOCALHOST:${port}\r\n${bearerLine}`, true],
      ['HTTP 1.0 without a host', `GET /api/now HTTP/1.0\r\n${bearerLine}`, false],
      ['a dot behind the name', `GET /api/now HTTP/1.1\r\nHost: localhost.:${port}\r\n${bearerLine}`, false],
      ['a user in the name', `GET /api/now HTTP/1.1\r\nHost: a@127.0.0.1:${port}\r\n${bearerLine}`, false],
      ['an address written otherwise', `GET /api/now HTTP/1.1\r\nHost: 2130706433:${port}\r\n${bearerLine}`, false],
      ['two bearers', `GET /api/now HTTP/1.1\r\n${host}${bearerLine}Authorization: Bearer x\r\n`, false],
      ['two origins', `GET /api/now HTTP/1.1\r\n${host}${bearerLine}Origin: http://127.0.0.1:${port}\r\nOrigin: x\r\n`,
        false],
      ['a bearer in the address', `GET /api/now?bearer=${bearer} HTTP/1.1\r\n${host}`, false],
      ['a bearer as a cookie', `GET /api/now HTTP/1.1\r\n${host}Cookie: bearer=${bearer}\r\n`, false],
      ['a space before the colon', `GET /api/now HTTP/1.1\r\n${host}Authorization : Bearer ${bearer}\r\n`, false],
      ['two lengths', `GET /api/now HTTP/1.1\r\n${host}${bearerLine}Content-Length: 0\r\nContent-Length: 5\r\n`, false],
      ['length and chunks', `GET /api/now HTTP/1.1\r\n${host}${bearerLine}Content-Length: 5\r\n` +
        'Transfer-Encoding: chunked\r\n', false],
    ]
    for (const [name, head, isHeard] of table) {
      assert.equal(/^HTTP\/1\.1 200/.test(await raw(port, `${head}${end}`)), isHeard, name)
    }
    const upgraded = await raw(port, `GET / HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`)
    assert.doesNotMatch(upgraded, /101/)
  })

  it('says the same strict headers with every answer, and lets no other origin read', async () => {
    for (const [at, headers] of [['/', {}], ['/app.js', {}], ['/none', {}], ['/api/now', {}],
      ['/', { host: 'evil' }]] as const) {
      const { headers: got } = await ask(port, { path: at, headers })
      assert.match(got['content-security-policy'] as string,
        /^default-src 'none'; script-src 'self'.*require-trusted-types-for 'script'$/)
      assert.equal(got['x-content-type-options'], 'nosniff')
      assert.equal(got['referrer-policy'], 'no-referrer')
      assert.equal(got['cross-origin-resource-policy'], 'same-origin')
      assert.equal(got['cross-origin-opener-policy'], 'same-origin')
      assert.equal(got['cache-control'], 'no-store')
      assert.deepEqual(Object.keys(got).filter((name) => name.startsWith('access-control') || name === 'set-cookie'),
        [])
    }
  })
})

describe('secrets', () => {
  it('trades a token once, within a minute', () => {
    const clock = { ...systemClock, now: 0, nowMs: () => clock.now }
    const secrets = new Secrets(clock, null)
    const token = secrets.issueToken()
    const { verdict, bearer: first } = secrets.trade(token)
    assert.equal(verdict, 'good')
    assert.equal(secrets.checkBearer(first!), 'good')
    assert.equal(secrets.trade(token).verdict, 'bad', 'used twice')
    const late = secrets.issueToken()
    clock.now = 60_001
    assert.equal(secrets.trade(late).verdict, 'bad', 'a minute later')
    assert.equal(token.length, 43, '256 bits')
  })

  it('compares nothing any more after five failures in a second', () => {
    const clock = { ...systemClock, now: 0, nowMs: () => clock.now }
    const secrets = new Secrets(clock, null)
    const token = secrets.issueToken()
    for (let i = 0; i < 5; i++) assert.equal(secrets.checkBearer('no'), 'bad')
    assert.equal(secrets.trade(token).verdict, 'later')
    clock.now = 1001
    assert.equal(secrets.trade(token).verdict, 'good')
  })

  it('are wanted for all data, and for streams', async () => {
    const open = await inspect(db)
    for (const at of ['/api/databases', '/api/now', '/api/files', '/events']) {
      const { status, text } = await ask(portOf(open), { path: at })
      assert.equal(status, 401, at)
      assert.equal(text, '')
    }
    await ask(portOf(open), { path: '/api/now' })
    assert.equal((await ask(portOf(open), { path: '/api/now' })).status, 429, 'the sixth failure of a second')
    await open.close()
  })

  it('a chosen token is good more than once; a host for others needs it, and names', async () => {
    const token = 'a-token-of-my-own-choice'
    for (const options of [
      { host: '0.0.0.0' }, { host: '0.0.0.0', token }, { host: '0.0.0.0', allowedHosts: ['a:1'] }, { token: 'short' },
      { port: -1 }, { allowedHosts: ['a b'] }, { values: 1 }, { wrong: 1 },
    ]) await assert.rejects(inspect(db, options as object), { code: 'INVALID_ARGUMENT' })
    for (const what of [null, undefined, 5, {}, [], [{}], [null]]) {
      await assert.rejects(inspect(what as never), { code: 'INVALID_ARGUMENT' })
    }
    const open = await inspect(db, { host: '0.0.0.0', token, allowedHosts: ['ops.example:80'] })
    assert.equal(open.url, `http://ops.example:80/#${token}`)
    await open.close()
  })
})

describe('what is shown', () => {
  it('serves its own files, and nothing else by any path', async () => {
    const open = await inspect(db)
    const token = await signIn(open)
    for (const at of ['/../package.json', '/%2e%2e/package.json', '/api/../../etc/passwd', '/page/app.js', '/app.js/',
      '/__proto__', '/toString']) {
      const { status } = await ask(portOf(open), { path: at, headers: { authorization: `Bearer ${token}` } })
      assert.equal(status, 404, at)
    }
    for (const query of ['kind=../x&num=1', 'kind=table&num=../../x', 'kind=table&num=-1', 'kind=__proto__&num=1']) {
      const headers = { authorization: `Bearer ${token}` }
      assert.equal((await ask(portOf(open), { path: `/api/bytes?${query}`, headers })).status, 400, query)
    }
    await open.close()
  })

  it('shortens keys, hides what changes text, and leaves values out unless it was told to show them', async () => {
    await db.put('k'.repeat(5000), 'secret value of the long key')
    await db.flush()
    const { tables } = await view<{ tables: number[][] }>(shown, bearer, 'levels')
    const all: string[] = []
    for (const [file] of tables) {
      const facts = await view<{ firstKey: string }>(shown, bearer, `table?file=${file}`)
      assert.ok(facts.firstKey.length < 200)
      for (let section = 0; section < 4; section++) {
        all.push(JSON.stringify(await view(shown, bearer, `bytes?kind=table&num=${file}&section=${section}`)))
      }
    }
    const text = all.join('')
    const hex = Buffer.from('secret value').toString('hex').replace(/..(?=.)/g, '$& ')
    assert.ok(!text.includes('secret value') && !text.includes(hex), 'no value')
    assert.ok(text.includes('isHidden'))
    assert.doesNotMatch(text, /\u202e/)
    const telling = await inspect(db, { values: true })
    const second = await signIn(telling)
    const told = await view(telling, second, `bytes?kind=table&num=${tables.at(-1)![0]}&section=1`)
    assert.match(JSON.stringify(told), /secret value/)
    await telling.close()
  })
})

describe('limits', () => {
  it('drops the ninth connection', async () => {
    const open = await inspect(db)
    const many = Array.from({ length: 8 }, () => connect(portOf(open), '127.0.0.1'))
    await Promise.all(many.map((socket) => new Promise((resolve) => socket.once('connect', resolve))))
    const ninth = connect(portOf(open), '127.0.0.1')
    await new Promise((resolve) => ninth.on('close', resolve).on('error', () => undefined))
    assert.ok(many.every(({ closed }) => !closed), 'the others are still open')
    for (const each of many) each.destroy()
    await open.close()
  })

  it('reads no long body, no long header, no wrong JSON', async () => {
    const headers = pageHeaders(port)
    const long = ask(port,
      { method: 'POST', path: '/session', headers, body: JSON.stringify({ token: 'x'.repeat(70_000) }) })
    assert.equal(await long.then(({ status }) => status, () => 413), 413)
    assert.equal((await ask(port, { method: 'POST', path: '/session', headers, body: '{' })).status, 400)
    assert.doesNotMatch(await raw(port, `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nX: ${'y'.repeat(9000)}\r\n\r\n`),
      /200 OK/)
  })

  it('cuts off a stream that does not read', () => {
    const watch = new Watch(new Subject(db, false), 1000)
    const response = Object.assign(new EventEmitter(), {
      writableLength: 0, writableEnded: false, destroyed: false,
      write: () => true,
      end: () => undefined,
      destroy() {
        this.destroyed = true
      },
    })
    const stream = new EventStream(watch, response as never, 0)
    response.writableLength = 256 * 1024
    stream.onSample([1])
    assert.equal(response.destroyed, false)
    response.writableLength++
    stream.onSample([1])
    assert.equal(response.destroyed, true)
    watch.stop()
  })

  it('has four streams', async () => {
    const open = await inspect(db)
    const other = portOf(open)
    const token = await signIn(open)
    const head = `GET /events HTTP/1.1\r\nHost: 127.0.0.1:${other}\r\nAuthorization: Bearer ${token}\r\n\r\n`
    const streams = Array.from({ length: 4 },
      () => connect(other, '127.0.0.1', function (this: { write(s: string): void }) {
      this.write(head)
    }))
    await Promise.all(streams.map((socket) => new Promise((resolve) => socket.once('data', resolve))))
    const fifth = await ask(other, { path: '/events', headers: { authorization: `Bearer ${token}` } })
    assert.equal(fifth.status, 503)
    for (const socket of streams) socket.destroy()
    await open.close()
  })
})

describe('a connection that cannot be taken', () => {
  it('ends nothing', async () => {
    const open = await inspect(db)
    const { server } = (open as unknown as { parts: { server: { server: Server } } }).parts.server
    for (let i = 0; i < 3; i++) server.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }))
    assert.equal((await ask(portOf(open), {})).status, 200)
    await open.close()
  })
})

describe('the runtime file', () => {
  let db: Varve
  let shown: Inspection
  let port: number
  before(async () => {
    db = await Varve.open('/found', { workers: 0, components: { vfs: new MemoryVfs() } })
    shown = await inspect(db)
    port = portOf(shown)
  })
  after(async () => {
    await shown.close()
    await db.close()
  })
  const file = (): string => path.join(runtime, 'varve', `${new Subject(db, false).databaseId}.json`)

  it('is its owner’s alone, and leads to the inspector', async () => {
    assert.equal(statSync(file()).mode & 0o777, 0o600)
    assert.equal(statSync(path.dirname(file())).mode & 0o777, 0o700)
    const url = await findInspector(new Subject(db, false).databaseId)
    assert.ok(url!.startsWith(`http://127.0.0.1:${port}/#`))
    const headers = pageHeaders(port)
    const spent = { method: 'POST', path: '/session', headers,
      body: JSON.stringify({ token: new URL(url!).hash.slice(1) }) }
    assert.equal((await ask(port, spent)).status, 200)
    assert.equal((await ask(port, spent)).status, 401)
  })

  it('is not believed when others may write it, and an impostor at its port learns nothing', async () => {
    const id = new Subject(db, false).databaseId
    chmodSync(file(), 0o644)
    assert.equal(await findInspector(id), null)
    chmodSync(file(), 0o600)
    chmodSync(path.dirname(file()), 0o755)
    assert.equal(await findInspector(id), null)
    chmodSync(path.dirname(file()), 0o700)
    const { createServer } = await import('node:http')
    const heard: string[] = []
    const impostor = createServer((request, response) => {
      heard.push(JSON.stringify(request.headers))
      response.end(JSON.stringify({ token: 'a', proof: 'b' }))
    })
    await new Promise<void>((resolve) => impostor.listen(0, '127.0.0.1', resolve))
    const facts = JSON.parse(readFileSync(file(), 'utf8')) as { port: number; secret: string }
    const original = JSON.stringify(facts)
    writeFileSync(file(), JSON.stringify({ ...facts, port: (impostor.address() as { port: number }).port }))
    assert.equal(await findInspector(id), null)
    assert.equal(heard.length, 1)
    assert.ok(!heard[0]!.includes(facts.secret))
    // An answer that breaks off, and one that never ends, are none.
    impostor.removeAllListeners('request')
    impostor.on('request', (_, response) => {
      response.writeHead(200, { 'content-length': 100 }).write('{', () => response.destroy())
    })
    assert.equal(await findInspector(id), null)
    impostor.removeAllListeners('request')
    impostor.on('request', (_, response) => {
      const timer = setInterval(() => response.write(' '), 500)
      response.on('close', () => clearInterval(timer))
    })
    assert.equal(await findInspector(id), null)
    writeFileSync(file(), original)
    impostor.close()
  })

  it('goes with the inspector, and is not written where others may look', async () => {
    const other = await Varve.open('/other', { workers: 0, components: { vfs: new MemoryVfs() } })
    const theirs = path.join(runtime, 'varve', `${new Subject(other, false).databaseId}.json`)
    const first = await inspect(other)
    assert.ok(existsSync(theirs))
    await first.close()
    assert.ok(!existsSync(theirs))
    const open = path.join(runtime, 'open')
    mkdirSync(path.join(open, 'varve'), { recursive: true })
    chmodSync(path.join(open, 'varve'), 0o777)
    process.env['XDG_RUNTIME_DIR'] = open
    const second = await inspect(other)
    assert.deepEqual(readdirSync(path.join(open, 'varve')), [])
    await second.close()
    process.env['XDG_RUNTIME_DIR'] = runtime
    await other.close()
  })
})

describe('life', () => {
  it('ends with its database, and its streams with it', async () => {
    const other = await Varve.open('/third', { workers: 0, components: { vfs: new MemoryVfs() } })
    const open = await inspect(other)
    const token = await signIn(open)
    const stream = ask(portOf(open), { path: '/events', headers: { authorization: `Bearer ${token}` } })
    await wait(100)
    await other.close()
    assert.match((await stream).text, /event: closed/)
    await open.close()
    await assert.rejects(ask(portOf(shown) === 0 ? 0 : Number(new URL(open.url).port), {}))
    await assert.rejects(inspect(other), { code: 'CLOSED' })
  })

  it('ends when its database was closed while it began', async () => {
    const other = await Varve.open('/fourth', { workers: 0, components: { vfs: new MemoryVfs() } })
    const theirs = path.join(runtime, 'varve', `${new Subject(other, false).databaseId}.json`)
    const beginning = inspect(other)
    await other.close()
    const open = await beginning
    await assert.rejects(ask(portOf(open), {}), { code: 'ECONNREFUSED' })
    await open.close()
    assert.ok(!existsSync(theirs))
  })

  it('keeps nothing of many requests', () => askOften(shown, bearer, 300))
})
