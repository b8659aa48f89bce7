/** Rank 14: a database as what frameworks keep sessions in. */
export { SessionStore } from './session-store.js'
export type {
  ListedSession, SessionCallback, SessionStoreCalls, SessionStoreClass, SessionStoreOptions, StoredSession,
} from './session-store.js'
