/**
 * What: finds the inspector that another process has open for a database, and asks it for an address. Each proves to
 * the other that it has read the runtime file, without sending what stands there: another program may listen on the
 * port of an inspector that was killed.
 * Thread: main.
 */
import { request } from 'node:http'
import { timingSafeEqual } from 'node:crypto'
import { readRuntimeFile } from './runtime-file.js'
import type { RuntimeFacts } from './runtime-file.js'
import { newSecret, proofOf } from './secrets.js'

const ANSWER_MS_MAX = 3000
const ANSWER_BYTES_MAX = 4096

/** Gives the address, with a token for one use; null where no inspector answers. */
export async function findInspector(databaseId: string): Promise<string | null> {
  const facts = await readRuntimeFile(databaseId)
  if (facts === null) return null
  const nonce = newSecret()
  const answer = await askForTicket(facts, nonce).catch(() => null)
  if (answer === null) return null
  const { token, proof } = answer as { token?: unknown; proof?: unknown }
  if (typeof token !== 'string' || typeof proof !== 'string') return null
  const expected = Buffer.from(proofOf(facts.secret, 'answer', nonce))
  const given = Buffer.from(proof)
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null
  return `http://${authorityOf(facts)}/#${token}`
}

function authorityOf({ host, port }: RuntimeFacts): string {
  const name = host === 'localhost' || host === '::1' ? host : '127.0.0.1'
  return `${name.includes(':') ? `[${name}]` : name}:${port}`
}

function askForTicket(facts: RuntimeFacts, nonce: string): Promise<unknown> {
  const authority = authorityOf(facts)
  return new Promise((resolve, reject) => {
    const asking = request({
      host: facts.host === '::1' ? '::1' : '127.0.0.1', port: facts.port, method: 'POST', path: '/ticket', agent: false,
      // For the whole answer: an impostor may send a byte now and then.
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
      headers: {
        host: authority, origin: `http://${authority}`, 'sec-fetch-site': 'same-origin',
        'content-type': 'application/json', authorization: `Bearer ${proofOf(facts.secret, 'ask', nonce)}`,
      },
    }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('error', reject)
      response.on('data', (chunk: string) => {
        text += chunk
        if (text.length > ANSWER_BYTES_MAX) asking.destroy(new Error('too much'))
      })
      response.on('end', () => {
        try {
          resolve(response.statusCode === 200 ? JSON.parse(text) : null)
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)))
        }
      })
    })
    asking.on('error', reject)
    asking.end(JSON.stringify({ nonce }))
  })
}
