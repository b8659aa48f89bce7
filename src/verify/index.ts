/** Rank 9: is the data still good: checks of whole directories, and of one file that others rely on. */
export { verifyFile } from './verify-file.js'
