// Sessions for express-session, in a database: they expire by themselves, and survive a restart of the server.
// node examples/session-store.js [port] [directory]
import session from 'express-session'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Varve } from 'varve'
import { SessionStore } from 'varve/session'

async function startServer(location, port, maxAge) {
  const db = await Varve.open(location)
  const store = new (SessionStore(session))({ db })
  const sessions = session({ store, secret: 'change me', resave: false, saveUninitialized: false, cookie: { maxAge } })

  // With express it is app.use(sessions).
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
      await db.close()
    },
  }
}

async function show() {
  const location = mkdtempSync(path.join(tmpdir(), 'varve-sessions-'))
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

  // Sessions of one millisecond.
  server = await startServer(location, 0, 1)
  await visit(server, '/login?name=Alan')
  await new Promise((resolve) => setTimeout(resolve, 50))
  await visit(server, '/later')
  console.log('sessions:', await server.store.length())
  await server.stop()
  rmSync(location, { recursive: true })
}

if (process.argv[2] === undefined) await show()
else console.log((await startServer(process.argv[3] ?? 'sessions', Number(process.argv[2]), 3_600_000)).url)
