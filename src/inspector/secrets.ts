/**
 * What: who may ask. A one-time token, good for a minute, is traded for a bearer, which is good until the inspector
 * closes. Secrets are random, 256 bits, and are compared in constant time; after five failures in a second everything
 * is refused until that second is over.
 * Owns: tokens and bearers, as hashes. Thread: main.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../base/index.js'

const TOKEN_MS = 60_000
const TOKENS_MAX = 16
const BEARERS_MAX = 64
const FAILURES_MAX = 5
const FAILURE_WINDOW_MS = 1000

/** What a check of a secret says; `later`: there were too many failures, and nothing was compared. */
export type Verdict = 'good' | 'bad' | 'later'

interface Token {
  digest: Buffer
  endMs: number
}

/** Gives a new secret of 256 bits, as text for an address. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url')
}

/** What the owner of a runtime file sends, or is answered, in place of the secret in the file. */
export function proofOf(secret: string, word: 'ask' | 'answer', nonce: string): string {
  return createHmac('sha256', secret).update(`varve inspector ${word} ${nonce}`).digest('base64url')
}

function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

export class Secrets {
  /** The secret of the runtime file. */
  readonly ticketSecret = newSecret()
  private readonly clock: Clock
  /** The hash of the token that the user chose, which is good at any time; null without one. */
  private readonly chosen: Buffer | null
  private tokens: Token[] = []
  private bearers: Buffer[] = []
  private failureTimes: number[] = []

  constructor(clock: Clock, chosen: string | null) {
    this.clock = clock
    this.chosen = chosen === null ? null : digestOf(chosen)
  }

  /** Makes a token that is good once, for a minute. */
  issueToken(): string {
    const token = newSecret()
    this.dropOld()
    this.tokens = [...this.tokens, { digest: digestOf(token), endMs: this.clock.nowMs() + TOKEN_MS }].slice(-TOKENS_MAX)
    return token
  }

  /** Trades a token for a bearer. A token that was good is spent. */
  trade(token: string): { verdict: Verdict; bearer: string | null } {
    this.dropOld()
    const digest = digestOf(token)
    const verdict = this.judge(() => {
      const found = indexOf(this.tokens.map((each) => each.digest), digest)
      if (found >= 0) this.tokens.splice(found, 1)
      const isChosen = this.chosen !== null && timingSafeEqual(this.chosen, digest)
      return found >= 0 || isChosen
    })
    if (verdict !== 'good') return { verdict, bearer: null }
    const bearer = newSecret()
    this.bearers = [...this.bearers, digestOf(bearer)].slice(-BEARERS_MAX)
    return { verdict, bearer }
  }

  checkBearer(bearer: string): Verdict {
    return this.judge(() => indexOf(this.bearers, digestOf(bearer)) >= 0)
  }

  /** Checks that who asks has read the runtime file. */
  checkTicket(proof: string, nonce: string): Verdict {
    return this.judge(() => timingSafeEqual(digestOf(proof), digestOf(proofOf(this.ticketSecret, 'ask', nonce))))
  }

  private judge(isGood: () => boolean): Verdict {
    const nowMs = this.clock.nowMs()
    this.failureTimes = this.failureTimes.filter((each) => nowMs - each < FAILURE_WINDOW_MS)
    if (this.failureTimes.length >= FAILURES_MAX) return 'later'
    if (isGood()) return 'good'
    this.failureTimes.push(nowMs)
    return 'bad'
  }

  private dropOld(): void {
    const nowMs = this.clock.nowMs()
    this.tokens = this.tokens.filter(({ endMs }) => endMs > nowMs)
  }
}

/** Compares with all of them, so that the time tells nothing. */
function indexOf(digests: readonly Buffer[], digest: Buffer): number {
  let found = -1
  for (const [i, each] of digests.entries()) if (timingSafeEqual(each, digest)) found = i
  return found
}
