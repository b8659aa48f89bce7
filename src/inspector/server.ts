/**
 * What: the HTTP server of the inspector: the page's files, its data, its streams. It refuses what is not the page's
 * own business before it looks anything up, and has small limits on everything.
 * Owns: the connections and streams. Does not own: who may ask (secrets.ts, gate.ts), what is answered (views.ts).
 * Thread: main.
 * Invariants: INSP-1, INSP-2. INSP-5 nothing in a request is ever made a path: assets are known by name, files of the
 * database by kind and number; a checkpoint is named by admin.ts.
 */
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { errnoOf, ioError, VarveError } from '../base/index.js'
import type { Admin } from './admin.js'
import { ANSWER_HEADERS, bearerOf, Gate, hostsOf } from './gate.js'
import { layoutFor, unknownPages } from './layout.js'
import type { ResolvedInspect } from './options.js'
import { pageFiles } from './page-files.js'
import { proofOf } from './secrets.js'
import type { Secrets, Verdict } from './secrets.js'
import { EventStream } from './stream.js'
import type { Views } from './views.js'
import type { Watch } from './watch.js'

const CONNECTIONS_MAX = 8
const STREAMS_MAX = 4
const BODY_BYTES_MAX = 64 * 1024
const HEADER_MS_MAX = 5000
const REQUEST_MS_MAX = 10_000
const KEEP_ALIVE_MS = 5000
const HEADER_BYTES_MAX = 8 * 1024

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8', css: 'text/css; charset=utf-8', js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
}
const STATUS_OF: Readonly<Partial<Record<string, number>>> = {
  INVALID_ARGUMENT: 400, NOT_FOUND: 404, READ_ONLY: 409, VALUE_TOO_LARGE: 413,
}

/** One database that is shown. */
export interface Shown {
  readonly watch: Watch
  readonly views: Views
  readonly admin: Admin
}

/** A request that is not answered, with the status that says why. */
class Refused extends Error {
  readonly status: number

  constructor(status: number) {
    super(`refused with ${status}`)
    this.status = status
  }
}

export class InspectorServer {
  private readonly server: Server
  private readonly options: ResolvedInspect
  private readonly secrets: Secrets
  private readonly shown: readonly Shown[]
  private gate = new Gate([])
  private readonly streams = new Map<EventStream, Watch>()

  constructor(options: ResolvedInspect, secrets: Secrets, shown: readonly Shown[]) {
    this.options = options
    this.secrets = secrets
    this.shown = shown
    this.server = createServer({
      headersTimeout: HEADER_MS_MAX, requestTimeout: REQUEST_MS_MAX, connectionsCheckingInterval: 1000,
      keepAliveTimeout: KEEP_ALIVE_MS, maxHeaderSize: HEADER_BYTES_MAX, requireHostHeader: true,
    }, (request, response) => void this.handle(request, response))
    this.server.maxConnections = CONNECTIONS_MAX
    // A connection that cannot be taken, as when the process has too many files open, concerns nobody else.
    this.server.on('error', () => undefined)
    this.server.on('connection', (socket) => socket.unref())
    this.server.on('clientError', (_error, socket) => socket.destroy())
    this.server.on('connect', (_request, socket) => socket.destroy())
    this.server.on('upgrade', (_request, socket) => socket.destroy())
  }

  /** Listens, and keeps no process alive. Gives the port. Rejects with IO_ERROR. */
  async listen(): Promise<number> {
    const { port, host, allowedHosts } = this.options
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', (error) => reject(listenError(error, host, port)))
      this.server.listen(port, host, resolve)
    })
    this.server.unref()
    const taken = (this.server.address() as AddressInfo).port
    this.gate = new Gate(hostsOf(taken, allowedHosts))
    return taken
  }

  /** Ends the streams of a database that is closed. */
  endStreamsOf(watch: Watch): void {
    for (const [stream, each] of [...this.streams]) if (each === watch) stream.finish()
  }

  async close(): Promise<void> {
    for (const stream of [...this.streams.keys()]) stream.finish()
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()))
    this.server.closeAllConnections()
    await closed
  }

  // ── Requests ────────────────────────────────────────────────────────────────────────────────────

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(ANSWER_HEADERS)) response.setHeader(name, value)
    response.on('error', () => undefined)
    try {
      const status = this.gate.refusal(request)
      if (status !== 0) throw new Refused(status)
      const { pathname, searchParams } = targetOf(request)
      if (request.method === 'POST') await this.post(pathname, request, response)
      else await this.get({ pathname, query: searchParams }, request, response)
    } catch (error) {
      refuse(request, response, error)
    }
  }

  private async get(
    { pathname, query }: { pathname: string; query: URLSearchParams }, request: IncomingMessage,
      response: ServerResponse,
  ): Promise<void> {
    const asset = pathname === '/' ? 'index.html' : pathname.slice(1)
    if (Object.hasOwn(pageFiles, asset)) {
      response.setHeader('content-type', TYPES[asset.split('.').at(-1)!]!)
      response.end(pageFiles[asset])
      return
    }
    if (!pathname.startsWith('/api/') && pathname !== '/events') throw new Refused(404)
    demand(this.secrets.checkBearer(bearerOf(request)))
    if (pathname === '/api/databases') return this.json(response, this.databases())
    const shown = this.shownIn(query)
    query.delete('db')
    if (pathname === '/events') return this.stream(shown.watch, request, response)
    shown.watch.noteAsked()
    response.setHeader('content-type', 'application/json')
    response.end(await shown.views.answer(pathname.slice('/api/'.length), query))
  }

  private async post(pathname: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (pathname === '/session') {
      const { token } = await bodyOf(request)
      const { verdict, bearer } = this.secrets.trade(typeof token === 'string' ? token : '')
      demand(verdict)
      return this.json(response, { bearer })
    }
    if (pathname === '/ticket') {
      const { nonce } = await bodyOf(request)
      if (typeof nonce !== 'string') throw new Refused(400)
      demand(this.secrets.checkTicket(bearerOf(request), nonce))
      const proof = proofOf(this.secrets.ticketSecret, 'answer', nonce)
      return this.json(response, { token: this.secrets.issueToken(), proof })
    }
    demand(this.secrets.checkBearer(bearerOf(request)))
    if (pathname !== '/api/admin' || !this.options.admin) throw new Refused(404)
    const body = await bodyOf(request)
    const { db } = body
    const shown = this.shown[typeof db === 'number' ? db : db === undefined ? 0 : -1]
    if (shown === undefined) throw new Refused(404)
    this.json(response, shown.admin.ask(body))
  }

  private databases(): object {
    const isAllowed = this.options.admin
    return {
      layout: layoutFor(isAllowed),
      databases: this.shown.map(({ watch: { subject, sinceMs }, admin }, db) => {
        const { dir, engine, isOwn, isClosed } = subject
        const isLive = engine !== null
        return {
          db, location: dir, isLive, isClosed, sinceMs, pace: isLive ? 'live' : 'once a second',
          unknown: unknownPages(isLive, isOwn), actions: isAllowed ? admin.offers : [],
        }
      }),
    }
  }

  private shownIn(query: URLSearchParams): Shown {
    const shown = this.shown[Number(query.get('db') ?? '0')]
    if (shown === undefined) throw new Refused(404)
    return shown
  }

  private stream(watch: Watch, request: IncomingMessage, response: ServerResponse): void {
    if (this.streams.size >= STREAMS_MAX) throw new Refused(503)
    const last = Number(request.headers['last-event-id'] ?? '0')
    response.setHeader('content-type', 'text/event-stream')
    const stream = new EventStream(watch, response, Number.isSafeInteger(last) && last >= 0 ? last : 0)
    this.streams.set(stream, watch)
    response.on('close', () => this.streams.delete(stream))
    // Nobody tells of that any more.
    if (watch.subject.isClosed) stream.finish()
  }

  private json(response: ServerResponse, value: object): void {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(value))
  }
}

/** Throws Refused for a path that is none, such as `/\\`. */
function targetOf({ url }: IncomingMessage): URL {
  try {
    return new URL(url!, 'http://inspector')
  } catch {
    throw new Refused(400)
  }
}

function listenError(error: Error, host: string, port: number): VarveError {
  if (errnoOf(error) !== 'EADDRINUSE') return ioError(error, 'listen on', `${host}:${port}`)
  const hint = 'another program listens there; port 0 takes any that is free'
  return new VarveError('IO_ERROR', `port ${port} of ${host} is taken`, { cause: error, hint })
}

function demand(verdict: Verdict): void {
  if (verdict !== 'good') throw new Refused(verdict === 'later' ? 429 : 401)
}

/** Says no, and as little else as goes. What is wrong with a view of the page is told, since the page is known. */
function refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  if (error instanceof Refused) {
    response.statusCode = error.status
    // What is left of a body is not read.
    response.setHeader('connection', 'close')
    response.end()
    if (error.status === 413) request.destroy()
    return
  }
  const { code, message } = VarveError.is(error) ? error : { code: 'INTERNAL', message: String(error) }
  response.statusCode = STATUS_OF[code] ?? 500
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ error: { code, message } }))
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > BODY_BYTES_MAX) throw new Refused(413)
    chunks.push(chunk)
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    throw new Refused(400)
  }
}
