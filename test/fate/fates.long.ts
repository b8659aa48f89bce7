/** The fate of the directory before every call of a life. */
import { registerFates } from '../support/faults/fate-tests.js'

await registerFates((_, moments) => moments)
