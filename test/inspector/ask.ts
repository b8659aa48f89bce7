/**
 * What: requests byte by byte, as no browser would send them: `fetch` writes Host, Origin and Sec-Fetch-Site itself.
 */
import { request } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import type { Inspection } from '../../src/inspector/index.js'

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  text: string
}

export interface Asked {
  method?: string
  path?: string
  headers?: Record<string, string>
  body?: string
}

export const portOf = ({ url }: Inspection): number => Number(new URL(url).port)

/** Asks with exactly these headers, and Host. */
export function ask(port: number, { method = 'GET', path = '/', headers = {}, body }: Asked): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const own = { host: `127.0.0.1:${port}`, ...headers }
    const asking = request({ host: '127.0.0.1', port, method, path, headers: own, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, text }))
      response.on('error', reject)
    })
    asking.on('error', reject)
    asking.end(body)
  })
}

/** The headers of a request of the page itself that changes something. */
export function pageHeaders(port: number, bearer = ''): Record<string, string> {
  return {
    origin: `http://127.0.0.1:${port}`, 'sec-fetch-site': 'same-origin', 'content-type': 'application/json',
    ...(bearer === '' ? {} : { authorization: `Bearer ${bearer}` }),
  }
}

/** Trades the token of the address, as the page does. */
export async function signIn(inspection: Inspection): Promise<string> {
  const { port, hash } = new URL(inspection.url)
  const body = JSON.stringify({ token: hash.slice(1) })
  const answer = await ask(Number(port), { method: 'POST', path: '/session', headers: pageHeaders(Number(port)), body })
  return (JSON.parse(answer.text) as { bearer: string }).bearer
}

/** Gives a view. */
export async function view<T>(inspection: Inspection, bearer: string, path: string): Promise<T> {
  const answer = await ask(portOf(inspection), { path: `/api/${path}`, headers: { authorization: `Bearer ${bearer}` } })
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`)
  return JSON.parse(answer.text) as T
}

/** Sends these bytes; gives what comes until the server ends the connection. */
export function raw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => (text += chunk))
    socket.on('close', () => resolve(text))
    socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' ? resolve(text) : reject(error)))
  })
}

/** Asks many times, in every way that is answered or refused, and throws when a handle is left of it. */
export async function askOften(shown: Inspection, bearer: string, count: number): Promise<void> {
  const port = portOf(shown)
  const authorization = `Bearer ${bearer}`
  const ways: (Asked & { status: number })[] = [
    { path: '/api/now', headers: { authorization }, status: 200 }, { path: '/app.js', status: 200 },
    { path: '/api/none', headers: { authorization }, status: 404 },
    { path: '/', headers: { host: 'evil' }, status: 403 },
    { method: 'PUT', path: '/', status: 405 },
    { method: 'POST', path: '/session', headers: pageHeaders(port), body: '{', status: 400 },
  ]
  const handles = (): number => process.getActiveResourcesInfo().filter((name) => /TCP|Timeout/.test(name)).length
  const before = handles()
  for (let i = 0; i < count; i++) {
    const { status, ...asked } = ways[i % ways.length]!
    const answer = await ask(port, asked)
    if (answer.status !== status) throw new Error(`${JSON.stringify(asked)}: ${answer.status}`)
  }
  for (let i = 0; handles() > before && i < 100; i++) await new Promise((resolve) => setTimeout(resolve, 50))
  const left = handles() - before
  if (left > 0) throw new Error(`${left} handles are left: ${String(process.getActiveResourcesInfo())}`)
}
