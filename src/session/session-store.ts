/**
 * What: sessions of express-session and of frameworks that take its stores, in a database. The values of the database
 * expire as the sessions do, so nothing is swept.
 * Owns: nothing. The database is its opener's. Thread: main.
 */
import { invalidArgument, takeOptions } from '../base/index.js'
import type { Entry, Lifetime, Varve, View } from '../api/index.js'

const DAY_MS = 86_400_000

/** A session as it is stored: JSON is made of it. */
export interface StoredSession {
  /** The cookie says when the session expires, as a date or its text; without, the option `ttl` does. */
  cookie?: {
    /** The end of the session, as a `Date` or its text; anything else says nothing of it. */
    expires?: Date | string | number | boolean | null | undefined
  }
  [name: string]: unknown
}

/** A session as `all` gives it. */
export type ListedSession = StoredSession & {
  /** The id of the session. */
  id: string
}

/** Called once with an error, or with null and the result, in a turn of its own. */
export type SessionCallback<T> = (error: unknown, result?: T) => void

/** Where and how long sessions are kept. */
export interface SessionStoreOptions {
  /** An open database; the store does not close it. */
  db: Varve
  /** What the keys of the sessions begin with; default 'session:'. */
  prefix?: string | undefined
  /** Milliseconds that a session lives from its last use on when its cookie does not say; default one day. */
  ttl?: number | undefined
}

/** What express-session calls. Without a callback each call gives a promise. */
export interface SessionStoreCalls {
  /** Gives the session, or null when it is not there or has expired. */
  get(sid: string, callback?: SessionCallback<StoredSession | null>): Promise<StoredSession | null> | undefined
  /** Stores the session until it expires. */
  set(sid: string, session: object, callback?: SessionCallback<void>): Promise<void> | undefined
  /** Makes a session expire later, as its cookie says, and nothing else of it. One that is gone does not come back. */
  touch(sid: string, session: object, callback?: SessionCallback<void>): Promise<void> | undefined
  /** Makes the session absent. */
  destroy(sid: string, callback?: SessionCallback<void>): Promise<void> | undefined
  /** Gives all sessions, each with its id. */
  all(callback?: SessionCallback<ListedSession[]>): Promise<ListedSession[]> | undefined
  /** Counts the sessions. */
  length(callback?: SessionCallback<number>): Promise<number> | undefined
  /** Makes all sessions absent, at once. */
  clear(callback?: SessionCallback<void>): Promise<void> | undefined
}

/** The class of the stores: that of express-session, with calls that go to a database. */
export type SessionStoreClass<Store> = new (options: SessionStoreOptions) => Store & SessionStoreCalls

/**
 * Makes the class of session stores of what express-session exports: `new (SessionStore(session))({ db })`. Nothing is
 * imported: the program brings its own express-session, or what has a class `Store` as it does.
 */
export function SessionStore<Store extends object>(
  session: {
    /** The class of which stores are. */
    Store: abstract new () => Store
  },
): SessionStoreClass<Store> {
  class VarveSessionStore extends (session.Store as unknown as new () => object) implements SessionStoreCalls {
    readonly #sessions: Sessions

    constructor(options: SessionStoreOptions) {
      super()
      this.#sessions = new Sessions(options)
    }

    get(sid: string, callback?: SessionCallback<StoredSession | null>): Promise<StoredSession | null> | undefined {
      return told(this.#sessions.get(sid), callback)
    }

    set(sid: string, given: object, callback?: SessionCallback<void>): Promise<void> | undefined {
      return told(this.#sessions.set(sid, given), callback)
    }

    touch(sid: string, given: object, callback?: SessionCallback<void>): Promise<void> | undefined {
      return told(this.#sessions.touch(sid, given), callback)
    }

    destroy(sid: string, callback?: SessionCallback<void>): Promise<void> | undefined {
      return told(this.#sessions.destroy(sid), callback)
    }

    all(callback?: SessionCallback<ListedSession[]>): Promise<ListedSession[]> | undefined {
      return told(this.#sessions.all(), callback)
    }

    length(callback?: SessionCallback<number>): Promise<number> | undefined {
      return told(this.#sessions.length(), callback)
    }

    clear(callback?: SessionCallback<void>): Promise<void> | undefined {
      return told(this.#sessions.clear(), callback)
    }
  }
  return VarveSessionStore as unknown as SessionStoreClass<Store>
}

class Sessions {
  private readonly view: View<string, StoredSession>
  private readonly ttl: number

  constructor(options: SessionStoreOptions) {
    const given = takeOptions('session store', ['db', 'prefix', 'ttl'], options, takeStoreOptions)
    const { db, prefix = 'session:', ttl = DAY_MS } = given
    if (typeof db?.view !== 'function') throw invalidArgument('option db must be an open database')
    const isGood = Number.isSafeInteger(ttl) && ttl >= 1
    if (!isGood) throw invalidArgument('option ttl must be an integer ≥ 1, in milliseconds')
    this.view = db.view<string, StoredSession>({ key: 'utf8', value: 'json', prefix })
    this.ttl = ttl
  }

  async get(sid: string): Promise<StoredSession | null> {
    const entry = await this.view.entry(sid)
    return entry === undefined ? null : sessionOf(entry)
  }

  async set(sid: string, session: object): Promise<void> {
    await this.view.put(sid, session as StoredSession, this.lifetime(session))
  }

  async touch(sid: string, session: object): Promise<void> {
    await this.view.touch(sid, this.lifetime(session))
  }

  async destroy(sid: string): Promise<void> {
    await this.view.del(sid)
  }

  async all(): Promise<ListedSession[]> {
    const sessions: ListedSession[] = []
    for await (const [id, session] of this.view.entries()) sessions.push({ ...session, id })
    return sessions
  }

  async length(): Promise<number> {
    let count = 0
    for await (const _ of this.view.keys()) count++
    return count
  }

  async clear(): Promise<void> {
    await this.view.clear()
  }

  private lifetime({ cookie }: StoredSession | { cookie?: undefined }): Lifetime {
    const expires = cookie?.expires
    const expiresAt = expires instanceof Date || typeof expires === 'string' ? Number(new Date(expires)) : NaN
    // A time before 1970 is past as well.
    return Number.isNaN(expiresAt) ? { ttl: this.ttl } : { expiresAt: Math.max(0, expiresAt) }
  }
}

function takeStoreOptions({ db, prefix, ttl }: SessionStoreOptions): SessionStoreOptions {
  return { db, prefix, ttl }
}

/** Gives the session with the time until which it was touched, which is not in its JSON. */
function sessionOf({ value: session, expiresAt }: Entry<StoredSession>): StoredSession {
  const { cookie } = session
  const isTimed = typeof cookie?.expires === 'string' && expiresAt !== null
  return isTimed ? { ...session, cookie: { ...cookie, expires: new Date(expiresAt).toISOString() } } : session
}

/** Tells the callback, if there is one. What it throws is its own error, and none of the call. */
function told<T>(work: Promise<T>, callback: SessionCallback<T> | undefined): Promise<T> | undefined {
  if (typeof callback !== 'function') return work
  work.then((result) => queueMicrotask(() => callback(null, result)), (error: unknown) => {
    queueMicrotask(() => callback(error))
  })
  return undefined
}
