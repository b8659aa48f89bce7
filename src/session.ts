/** The package's `varve/session`: a database as a session store of express-session's. */
export * from './session/index.js'
