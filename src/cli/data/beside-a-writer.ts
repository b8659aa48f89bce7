/** What: what a command that writes says while another process has the database. */

/** Ends the hint of LOCKED. */
export const BESIDE_A_WRITER = 'varve get, scan, find and stats read it'
