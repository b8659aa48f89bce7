/** What a command of the command line is declared with, and prints with. */
export * from './arguments.js'
export * from './context.js'
export * from './define-command.js'
export * from './define-parts.js'
export * from './key-bytes.js'
export * from './open-database.js'
export { amountText, countedText } from './quantities.js'
export * from './text-table.js'
