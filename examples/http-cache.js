// A caching HTTP proxy: undici's cache interceptor with answers on the disk, which survive a restart.
// node examples/http-cache.js [port] [directory] serves until it is ended; without a port it shows itself and ends.
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Agent, interceptors, request } from 'undici'
import { BlobCache } from 'varve/blob-cache'
import { VarveCacheStore } from 'varve/undici'

const MiB = 1024 * 1024

// Starts a proxy: a GET of http://localhost:PORT/http://host/path gives what is there, from the cache while it is fresh.
async function startProxy(directory, port) {
  const cache = await BlobCache.open(directory, { maxBytes: 512 * MiB })
  const store = new VarveCacheStore(cache, { maxEntrySize: 10 * MiB })
  const dispatcher = new Agent().compose(interceptors.cache({ store }))
  const proxy = createServer(async (req, res) => {
    try {
      const { host: _, connection: __, ...headers } = req.headers
      const answer = await request(req.url.slice(1), { dispatcher, method: req.method, headers })
      const { 'transfer-encoding': ___, connection: ____, ...answerHeaders } = answer.headers
      res.writeHead(answer.statusCode, answerHeaders)
      await pipeline(answer.body, res)
    } catch (error) {
      if (!res.headersSent) res.writeHead(502)
      res.end(`${error.message}\n`)
    }
  }).listen(port)
  await once(proxy, 'listening')
  return {
    port: proxy.address().port,
    stats: () => cache.stats(),
    async stop() {
      proxy.close()
      proxy.closeAllConnections()
      await dispatcher.close()
      await cache.close()
    },
  }
}

async function show() {
  let served = 0
  const origin = createServer((req, res) => {
    served++
    res.writeHead(200, { 'cache-control': 'public, max-age=3600', 'vary': 'accept-language' })
    res.end(`${req.url} in ${req.headers['accept-language']}\n`)
  }).listen(0)
  await once(origin, 'listening')
  const directory = mkdtempSync(path.join(tmpdir(), 'varve-http-cache-'))
  for (const run of ['first', 'second']) {
    const proxy = await startProxy(directory, 0)
    for (const language of ['en', 'de', 'en', 'de']) {
      const url = `http://localhost:${proxy.port}/http://localhost:${origin.address().port}/page`
      const { body } = await request(url, { headers: { 'accept-language': language } })
      await body.text()
    }
    console.log(`${run} run: 4 requests, the origin has answered ${served} so far`)
    await proxy.stop()
  }
  origin.close()
  origin.closeAllConnections()
  rmSync(directory, { recursive: true })
}

if (process.argv[2] === undefined) await show()
else {
  const { port } = await startProxy(process.argv[3] ?? 'http-cache', Number(process.argv[2]))
  console.log(`try http://localhost:${port}/http://example.com/`)
}
