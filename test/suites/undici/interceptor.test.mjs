// Ours: the cache interceptor of undici with `varve/undici` as its store. The package of undici is the argument: version 8
// needs Node 22.19.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { BlobCache } from 'varve/blob-cache'
import { VarveCacheStore } from 'varve/undici'

const name = process.argv[2]
const dir = mkdtempSync(path.join(tmpdir(), 'varve-interceptor-'))
const cache = await BlobCache.open(dir, { maxBytes: 256 * 1024 * 1024 })

async function serve(answer) {
  const server = createServer(answer).listen(0)
  await once(server, 'listening')
  after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://localhost:${server.address().port}`
}

after(async () => {
  await cache.close()
  rmSync(dir, { recursive: true })
})

const { Agent, interceptors, request } = await import(name)
const dispatcher = new Agent().compose(interceptors.cache({ store: new VarveCacheStore(cache) }))
const get = async (url, options) => (await request(url, { dispatcher, ...options })).body.text()

for (const size of [0, 10, 300_000, 3_000_000]) {
  test(`${name}: an answer of ${size} bytes is refreshed by a 304`, async () => {
    let [full, revalidated] = [0, 0]
    const url = await serve((req, res) => {
      const isKnown = req.headers['if-none-match'] === '"1"'
      if (isKnown) revalidated++
      else full++
      const age = revalidated === 0 ? 's-maxage=0, stale-if-error=1000' : 'max-age=1000'
      res.writeHead(isKnown ? 304 : 200, { etag: '"1"', 'cache-control': `public, ${age}` })
      res.end(isKnown ? undefined : 'x'.repeat(size))
    })
    for (let i = 0; i < 4; i++) assert.equal((await get(url)).length, size)
    assert.ok(revalidated === 1 && full <= 2, `${full} full answers, ${revalidated} revalidated`)
  })
}

test(`${name}: a POST invalidates all variants`, async () => {
  let count = 0
  const url = await serve((req, res) => {
    res.writeHead(200, { vary: 'accept-language', 'cache-control': 'public, max-age=1000' })
    res.end(`${req.method} ${req.headers['accept-language']} ${++count}`)
  })
  const inLanguage = (language) => get(url, { headers: { 'accept-language': language } })
  const texts = []
  for (const language of ['en', 'de', 'en', 'de']) texts.push(await inLanguage(language))
  assert.deepEqual(texts, ['GET en 1', 'GET de 2', 'GET en 1', 'GET de 2'])
  await get(url, { method: 'POST' })
  assert.deepEqual([await inLanguage('en'), await inLanguage('de')], ['GET en 4', 'GET de 5'])
})
