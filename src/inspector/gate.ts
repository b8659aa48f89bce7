/**
 * What: which requests are heard at all, before anything of them is looked up: by their target, Host, Origin and
 * Sec-Fetch-Site. Never by comparing Origin with Host: who makes a name point to this machine chooses both.
 * Owns: the lists of hosts and origins. Thread: main (pure).
 * Invariants: INSP-1 a request under a name that is not in the list gets no content, not even a page. INSP-2 nothing
 * that another origin may read is ever sent.
 */
import type { IncomingMessage } from 'node:http'

/** The headers of every answer. There is none that lets another origin read. */
export const ANSWER_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; " +
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
}

/** What browsers say of requests of the address bar, and of the page itself. */
const OWN_SITES = new Set(['same-origin', 'none'])

export class Gate {
  private readonly hosts: ReadonlySet<string>
  private readonly origins: ReadonlySet<string>

  /** `hosts`: each as a browser writes it into Host: with the port, but for port 80. */
  constructor(hosts: readonly string[]) {
    this.hosts = new Set(hosts.map((host) => host.toLowerCase()))
    this.origins = new Set([...this.hosts].map((host) => `http://${host}`))
  }

  /** Gives 0 for a request that is heard, else the status of the refusal. */
  refusal(request: IncomingMessage): number {
    const { method = '', url = '', rawHeaders } = request
    if (countOf(rawHeaders, 'host') !== 1 || !this.hosts.has(only(rawHeaders, 'host').toLowerCase())) return 403
    // A whole address in the first line would name another host than the header does.
    if (!url.startsWith('/') || url.startsWith('//')) return 400
    const [origins, sites] = [countOf(rawHeaders, 'origin'), countOf(rawHeaders, 'sec-fetch-site')]
    if (origins > 1 || sites > 1 || countOf(rawHeaders, 'authorization') > 1) return 403
    if (origins === 1 && !this.origins.has(only(rawHeaders, 'origin').toLowerCase())) return 403
    if (sites === 1 && !OWN_SITES.has(only(rawHeaders, 'sec-fetch-site'))) return 403
    if (method === 'GET') return 0
    if (method !== 'POST') return 405
    if (origins !== 1 || sites !== 1 || only(rawHeaders, 'sec-fetch-site') !== 'same-origin') return 403
    const type = countOf(rawHeaders, 'content-type') === 1 ? only(rawHeaders, 'content-type') : ''
    return type.toLowerCase() === 'application/json' ? 0 : 415
  }
}

/** The secret in the header, or '' without one. */
export function bearerOf({ headers: { authorization = '' } }: IncomingMessage): string {
  return /^Bearer ([\w-]{1,200})$/.exec(authorization)?.[1] ?? ''
}

/** The names under which a server on this port is asked, `allowed` besides those of this machine. */
export function hostsOf(port: number, allowed: readonly string[]): string[] {
  const own = ['127.0.0.1', '[::1]', 'localhost']
  return [...own.map((name) => `${name}:${port}`), ...(port === 80 ? own : []), ...allowed]
}

/** How often a header stands there: Node joins some that do, and drops others. */
function countOf(rawHeaders: readonly string[], name: string): number {
  return rawHeaders.filter((each, i) => i % 2 === 0 && each.toLowerCase() === name).length
}

function only(rawHeaders: readonly string[], name: string): string {
  const at = rawHeaders.findIndex((each, i) => i % 2 === 0 && each.toLowerCase() === name)
  return at < 0 ? '' : rawHeaders[at + 1]!
}
