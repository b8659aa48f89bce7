/** The package's `varve/otel`: metrics and spans of a database, with the caller's meter and tracer. */
export * from './otel/index.js'
