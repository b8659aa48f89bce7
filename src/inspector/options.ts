/**
 * What: the options of `inspect`, read once and checked.
 */
import path from 'node:path'
import { checkFlag, invalidArgument, takeOptions } from '../base/index.js'

/** How the inspector is reached, and what it may show and do. */
export interface InspectOptions {
  /** The port; 0, the default, takes any that is free. */
  port?: number | undefined
  /**
   * The address to listen on: by default `127.0.0.1`. Another than of this machine needs `token` and `allowedHosts`.
   */
  host?: string | undefined
  /**
   * Names, with their ports, under which browsers may ask besides `localhost`: exactly as they write them into `Host`.
   */
  allowedHosts?: readonly string[] | undefined
  /** True also shows bytes of values, in the page "bytes". It is false by default. */
  values?: boolean | undefined
  /** True also lets the page flush, compact and scrub, after a question. It is false by default. */
  admin?: boolean | undefined
  /**
   * A directory that is there: with `admin`, the page may also make checkpoints in it, each in a new directory that is
   * called after the time. Without it, it may make none.
   */
  checkpoints?: string | undefined
  /** How far the charts go back, in milliseconds; an hour by default, and at most 3,600 samples. */
  historyMs?: number | undefined
  /** A token of your own, of at least 22 characters, that may be used more than once; by default each is good once. */
  token?: string | undefined
}

const NAMES: readonly string[] = [
  'port', 'host', 'allowedHosts', 'values', 'admin', 'checkpoints', 'historyMs', 'token',
]
const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost'])
const HISTORY_MS_DEFAULT = 3_600_000
const HISTORY_MS_MAX = 86_400_000

export interface ResolvedInspect {
  port: number
  host: string
  allowedHosts: readonly string[]
  values: boolean
  admin: boolean
  checkpoints: string | null
  historyMs: number
  token: string | null
  isLoopback: boolean
}

export function resolveInspect(options: InspectOptions | undefined): ResolvedInspect {
  const resolved = takeOptions('inspect', NAMES, options === undefined ? {} : options, take)
  const { isLoopback, token, allowedHosts, host, admin, checkpoints } = resolved
  if (checkpoints !== null && !admin) throw invalidArgument('option checkpoints is given, so option admin must be true')
  if (!isLoopback && (token === null || allowedHosts.length === 0)) {
    throw invalidArgument(`option host is ${JSON.stringify(host)}, so options token and allowedHosts must be given too`)
  }
  return resolved
}

function take({
  port, host, allowedHosts, values, admin, checkpoints, historyMs, token,
}: InspectOptions): ResolvedInspect {
  const name = checkText(host, 'host', /^[\w.:%-]{1,255}$/) ?? '127.0.0.1'
  return {
    port: checkNumber(port, 'port', 65_535) ?? 0, host: name, allowedHosts: checkHosts(allowedHosts),
    values: checkFlag(values, 'values') ?? false, admin: checkFlag(admin, 'admin') ?? false,
    checkpoints: checkDirectory(checkpoints, 'checkpoints'),
    historyMs: checkNumber(historyMs, 'historyMs', HISTORY_MS_MAX) ?? HISTORY_MS_DEFAULT,
    token: checkText(token, 'token', /^[\w-]{22,200}$/) ?? null, isLoopback: LOOPBACK.has(name),
  }
}

function checkText(value: unknown, name: string, form: RegExp): string | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'string' || !form.test(value)) throw invalidArgument(`option ${name} must match ${String(form)}`)
  return value
}

/** Gives the whole path, so that the directory stays the same when the program changes its own. */
function checkDirectory(value: unknown, name: string): string | null {
  if (value === undefined) return null
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return path.resolve(value)
  throw invalidArgument(`option ${name} must be the path of a directory`)
}

function checkNumber(value: unknown, name: string, max: number): number | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max) return value
  throw invalidArgument(`option ${name} must be an integer from 0 to ${max}`)
}

function checkHosts(value: unknown): readonly string[] {
  if (value === undefined) return []
  if (!Array.isArray(value)) throw invalidArgument('option allowedHosts must be an array')
  return value.map((each: unknown) => checkText(each, 'allowedHosts', /^[\w.-]{1,255}(:\d{1,5})?$/)!)
}
