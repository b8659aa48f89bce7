// The HTTP service on classic-level: writes are counted by hand, and the levels read out of a table that is made for people.
import { ClassicLevel } from 'classic-level'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { tmpdir } from 'node:os'
import path from 'node:path'

const PAGE = 100

class Service {
  #db
  #documents
  #server = createServer((req, res) => void this.#answer(req, res))
  #writes = 0
  #requests = { GET: 0, PUT: 0, DELETE: 0 }

  async start(location, port) {
    this.#db = new ClassicLevel(location)
    await this.#db.open()
    this.#documents = this.#db.sublevel('document', { valueEncoding: 'json' })
    this.#db.on('write', (operations) => { this.#writes += operations.length })
    this.#server.listen(port)
    await once(this.#server, 'listening')
    return `http://localhost:${this.#server.address().port}`
  }

  /** Resolves when every request was answered, or its client too slow, and what was written is on the disk. */
  async stop(graceMs = 10_000) {
    this.#server.close()
    this.#server.closeIdleConnections()
    const timer = setTimeout(() => this.#server.closeAllConnections(), graceMs)
    await once(this.#server, 'close')
    clearTimeout(timer)
    await this.#db.close()
  }

  async #answer(req, res) {
    try {
      const { pathname, searchParams } = new URL(`http://localhost${req.url}`)
      if (!(req.method in this.#requests)) return this.#send(res, 405)
      this.#requests[req.method]++
      if (pathname === '/metrics') return res.setHeader('content-type', 'text/plain; version=0.0.4').end(this.#metrics())
      if (pathname === '/documents' && req.method === 'GET') return this.#send(res, 200, await this.#page(searchParams))
      const id = decodeURIComponent(/^\/documents\/(.+)$/.exec(pathname)?.[1] ?? '')
      if (id === '') return this.#send(res, 404)
      if (req.method === 'GET') {
        const document = await this.#documents.get(id)
        return document === undefined ? this.#send(res, 404) : this.#send(res, 200, document)
      }
      if (req.method === 'PUT') await this.#documents.put(id, JSON.parse(await text(req)), { sync: true })
      else await this.#documents.del(id, { sync: true })
      this.#send(res, 204)
    } catch (error) {
      // Either the client sent what is no JSON, or the database cannot do it now: the disk is full, say.
      const isBad = error instanceof SyntaxError || error instanceof URIError || error.code?.startsWith('LEVEL_INVALID')
      this.#send(res, isBad ? 400 : 503, { error: error.message })
    }
  }

  #send(res, status, body) {
    // While the server stops, connections are not kept for more requests.
    if (!this.#server.listening) res.setHeader('connection', 'close')
    res.writeHead(status, { 'content-type': 'application/json' }).end(body === undefined ? '' : JSON.stringify(body))
  }

  /** Documents from an id on, and where the next page begins. */
  async #page(params) {
    const limit = Math.max(1, Math.min(Number(params.get('limit') ?? PAGE), PAGE))
    const found = []
    for await (const [id, document] of this.#documents.iterator({ gte: params.get('from') ?? '', limit: limit + 1 })) {
      found.push({ id, document })
    }
    return { documents: found.slice(0, limit), next: found[limit]?.id }
  }

  #metrics() {
    const lines = ['# HELP http_requests_total Requests by method.', '# TYPE http_requests_total counter']
    for (const [method, count] of Object.entries(this.#requests)) lines.push(`http_requests_total{method="${method}"} ${count}`)
    lines.push(`level_up ${this.#db.status === 'open' ? 1 : 0}`, `level_writes_total ${this.#writes}`)
    // Level  Files Size(MB) Time(sec) Read(MB) Write(MB)
    for (const row of this.#db.getProperty('leveldb.stats').split('\n')) {
      const [level, files, megabytes] = row.trim().split(/\s+/).map(Number)
      if (row.trim() === '' || Number.isNaN(level)) continue
      lines.push(`level_tables{level="${level}"} ${files}`, `level_bytes{level="${level}"} ${megabytes * 2 ** 20}`)
    }
    return [...lines, ''].join('\n')
  }
}

async function show() {
  const location = mkdtempSync(path.join(tmpdir(), 'classic-service-'))
  const service = new Service()
  const url = await service.start(location, 0)
  const ask = async (method, where, body) => {
    const answer = await fetch(url + where, { method, ...(body && { body }) })
    console.log(method, where, answer.status, await answer.text())
  }
  await ask('PUT', '/documents/ada', '{"name":"Ada"}')
  await ask('PUT', '/documents/alan', '{"name":"Alan"}')
  await ask('PUT', '/documents/bad', '{')
  await ask('GET', '/documents/ada')
  await ask('GET', '/documents?limit=1')
  await ask('DELETE', '/documents/ada')
  await ask('GET', '/documents/ada')
  const metrics = await (await fetch(`${url}/metrics`)).text()
  console.log('metrics:', /^http_requests_total\{method="PUT"\} \d+/m.exec(metrics)[0])
  console.log('metrics: it is open:', /^level_up 1$/m.test(metrics))

  // A request that is under way when the service stops is answered.
  const late = request(`${url}/documents/late`, { method: 'PUT', headers: { expect: '100-continue' } })
  late.flushHeaders()
  await once(late, 'continue')
  const stopped = service.stop()
  late.end('{"name":"Emmy"}')
  const [{ statusCode }] = await once(late, 'response')
  console.log('under way when it stopped:', statusCode)
  await stopped
  rmSync(location, { recursive: true })
}

if (process.argv[2] === undefined) await show()
else {
  const service = new Service()
  console.log(await service.start(process.argv[3] ?? 'documents', Number(process.argv[2])))
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void service.stop(Number(process.argv[4] ?? 10_000)))
}
